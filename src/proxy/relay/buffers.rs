//! The memory of all relays: one large buffer that everything is read into, and pools of buffers
//! and pipes for bytes that could not be written at once.

use crate::net::pipe::Pipe;
use crate::net::reserve;

/// The size of the buffer that the whole process reads into. The larger the pieces, the cheaper a
/// gigabyte; larger pieces than this gain little.
const SCRATCH_LEN: usize = 1024 * 1024;
/// The most bytes that a direction of a light connection reads in a turn.
const LIGHT_BYTES: usize = 256 * 1024;
/// The most bytes in buffers that are larger than `tune.bufsize`. When these are used up, reads are
/// limited to `tune.bufsize`, so that what is left to be written fits an ordinary buffer.
const LARGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most free ordinary buffers that are kept for later.
const SMALL_KEPT: usize = 1024;
/// The size of a pipe.
const PIPE_LEN: usize = 1024 * 1024;
/// The most free pipes that are kept for later.
const PIPES_KEPT: usize = 64;

/// Memory for moving bytes, shared by all connections.
#[derive(Debug)]
pub struct Buffers {
    /// Where bytes are read into. Its content means nothing between two calls.
    pub scratch: Box<[u8]>,
    /// What waits to be written is kept here.
    pub pool: BufferPool,
    /// Pipes for splicing.
    pub pipes: PipePool,
}

/// How much a connection may move in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// Little, and it does not wait for the heavy connections.
    Light,
    /// Much, but perhaps not in every turn.
    Heavy,
    /// Little, but what it does takes long: a TLS handshake.
    Costly,
}

impl Share {
    /// About how many bytes one direction may move in a turn.
    pub fn bytes(self) -> usize {
        match self {
            Self::Light | Self::Costly => LIGHT_BYTES,
            Self::Heavy => SCRATCH_LEN,
        }
    }
}

impl Buffers {
    /// Buffers of `bufsize` bytes, and at most `pipes_max` pipes.
    pub fn new(bufsize: usize, pipes_max: usize) -> Self {
        Self::with_pipes(bufsize, pipes_max, PIPE_LEN)
    }

    /// The same with pipes of another size.
    pub fn with_pipes(bufsize: usize, pipes_max: usize, pipe_len: usize) -> Self {
        let pool = BufferPool {
            bufsize: bufsize.clamp(1024, SCRATCH_LEN),
            small: Vec::new(),
            large_bytes: 0,
            large_bytes_max: LARGE_BYTES_MAX,
        };
        let pipes = PipePool { free: Vec::new(), open: 0, open_max: pipes_max, pipe_len };
        let scratch = vec![0; SCRATCH_LEN].into_boxed_slice();
        Self { scratch, pool, pipes }
    }

    /// The most bytes to read at once, so that all of them can be kept.
    pub fn read_max(&self, share: Share) -> usize {
        let bytes = share.bytes();
        if self.pool.has_room_for(bytes) { bytes } else { self.pool.bufsize }
    }
}

/// Bytes that were read and not yet written.
#[derive(Debug)]
pub struct Kept {
    memory: Box<[u8]>,
    start: u32,
    end: u32,
}

impl Kept {
    /// What is left to be written; never empty.
    pub fn bytes(&self) -> &[u8] {
        self.memory.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Takes off the first `len` bytes, which were written. Returns whether none are left.
    pub fn consume(&mut self, len: usize) -> bool {
        self.start += u32::try_from(len).expect("no longer than the bytes it was given");
        self.start >= self.end
    }
}

/// Lends ordinary buffers of `tune.bufsize`, and larger buffers up to a number of bytes.
#[derive(Debug)]
pub struct BufferPool {
    bufsize: usize,
    small: Vec<Box<[u8]>>,
    large_bytes: usize,
    /// The most bytes in larger buffers: [`LARGE_BYTES_MAX`], or fewer after the system had no
    /// memory left.
    large_bytes_max: usize,
}

/// The system has no memory left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

impl BufferPool {
    fn has_room_for(&self, len: usize) -> bool {
        self.large_bytes + len <= self.large_bytes_max
    }

    /// Keeps `bytes`, at most [`Buffers::read_max`] of them.
    ///
    /// # Errors
    /// When the system has no memory for them. From then on the larger buffers together never take
    /// more than at this moment.
    pub fn keep(&mut self, bytes: &[u8]) -> Result<Kept, NoMemory> {
        let end = u32::try_from(bytes.len()).expect("read into the scratch buffer");
        if bytes.len() > self.bufsize {
            let Some(mut memory) = reserve::zeroed(bytes.len()) else {
                self.large_bytes_max = self.large_bytes;
                return Err(NoMemory);
            };
            memory.copy_from_slice(bytes);
            self.large_bytes += bytes.len();
            return Ok(Kept { memory, start: 0, end });
        }
        let kept = self.small.pop();
        let mut memory = kept.or_else(|| reserve::zeroed(self.bufsize)).ok_or(NoMemory)?;
        memory[..bytes.len()].copy_from_slice(bytes);
        Ok(Kept { memory, start: 0, end })
    }

    /// Takes the memory back.
    pub fn release(&mut self, kept: Kept) {
        if kept.memory.len() > self.bufsize {
            self.large_bytes -= kept.memory.len();
        } else if self.small.len() < SMALL_KEPT {
            self.small.push(kept.memory);
        }
    }
}

/// Lends pipes, all of them empty.
#[derive(Debug)]
pub struct PipePool {
    free: Vec<Pipe>,
    open: usize,
    open_max: usize,
    pipe_len: usize,
}

impl PipePool {
    /// An empty pipe; none when too many are lent or the system has none left.
    pub fn lend(&mut self) -> Option<Pipe> {
        if let Some(pipe) = self.free.pop() {
            return Some(pipe);
        }
        if self.open >= self.open_max {
            return None;
        }
        let pipe = Pipe::new(self.pipe_len).ok()?;
        self.open += 1;
        Some(pipe)
    }

    /// Takes a pipe back. One that still holds bytes is closed, and its bytes with it.
    pub fn release(&mut self, pipe: Pipe) {
        if pipe.is_empty() && self.free.len() < PIPES_KEPT {
            self.free.push(pipe);
        } else {
            self.open -= 1;
        }
    }

    /// How many pipes are open.
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many open pipes are not lent.
    pub fn idle(&self) -> usize {
        self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_become_small_when_much_is_kept() {
        let mut buffers = Buffers::new(16_384, 0);
        let long = vec![7; SCRATCH_LEN];
        let count = LARGE_BYTES_MAX / SCRATCH_LEN;
        let mut lent: Vec<Kept> = (0..count).map(|_| buffers.pool.keep(&long).unwrap()).collect();
        assert_eq!(buffers.read_max(Share::Heavy), 16_384);
        let small = buffers.pool.keep(&long[..16_384]).unwrap();
        assert_eq!(small.bytes().len(), 16_384);
        buffers.pool.release(small);
        assert_eq!(buffers.read_max(Share::Heavy), 16_384);
        buffers.pool.release(lent.pop().unwrap());
        assert_eq!(buffers.read_max(Share::Heavy), SCRATCH_LEN);
    }

    #[test]
    fn what_is_kept_is_consumed_in_order() {
        let mut buffers = Buffers::new(16_384, 0);
        let mut kept = buffers.pool.keep(b"hello").unwrap();
        assert!(!kept.consume(2));
        assert_eq!(kept.bytes(), b"llo");
        assert!(kept.consume(3));
        buffers.pool.release(kept);
    }
}
