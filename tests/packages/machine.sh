# Copies of this machine in which packages are installed. The scripts of this folder source this file
# in mount and network namespaces of their own. Not run by itself.

here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
layers=$(mktemp -d)
cannot() { echo "the system does not let us mount a copy of the root file system"; exit 77; }
mount -t tmpfs none "$layers" || cannot

# make_machine NAME PACKAGE: a root file system in $layers/NAME, with the package in /run/stickd.deb
# and a systemctl that starts what the unit says.
make_machine() {
    local own=$layers/parts/$1 root=$layers/$1 folder
    mkdir -p "$own"/{upper,work} "$root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$own/upper,workdir=$own/work" "$root" || cannot
    for folder in dev sys tmp; do
        mount --rbind "/$folder" "$root/$folder"
    done
    mount -t proc proc "$root/proc"
    mount -t tmpfs none "$root/run"
    mkdir -p "$root/run/systemd/system"
    cp "$2" "$root/run/stickd.deb"
    cp "$here/systemctl" "$root/run/systemctl"
    cp "$here/inside.sh" "$root/run/inside.sh"
}

# inside NAME SCRIPT: runs a script in that machine.
inside() {
    chroot "$layers/$1" env -i PATH=/run:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C \
        DEBIAN_FRONTEND=noninteractive /bin/bash -euo pipefail -c ". /run/inside.sh
$2"
}
