//! The error numbers that modelled kernel functions return (include/uapi/asm-generic/errno*.h).

use std::fmt;

/// An error of a kernel function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// No such device or address.
    Enxio,
    /// Out of memory, and what `memremap` calls a conflict.
    Enomem,
    /// Bad address.
    Efault,
    /// There already.
    Eexist,
    /// Invalid argument.
    Einval,
    /// A value too large.
    Eoverflow,
}

impl Errno {
    /// The number.
    pub const fn number(self) -> i32 {
        match self {
            Errno::Enxio => 6,
            Errno::Enomem => 12,
            Errno::Efault => 14,
            Errno::Eexist => 17,
            Errno::Einval => 22,
            Errno::Eoverflow => 75,
        }
    }

    /// The kernel's name.
    pub const fn name(self) -> &'static str {
        match self {
            Errno::Enxio => "ENXIO",
            Errno::Enomem => "ENOMEM",
            Errno::Efault => "EFAULT",
            Errno::Eexist => "EEXIST",
            Errno::Einval => "EINVAL",
            Errno::Eoverflow => "EOVERFLOW",
        }
    }
}

/// As the kernel's sources write a return value: `-EINVAL`.
impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{}", self.name())
    }
}
