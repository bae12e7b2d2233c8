"""What bench/compare is made of: the machine, the programs, the load, the measurements, the report."""
