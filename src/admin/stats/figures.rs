//! Makes a list of figures from a table of rows.

/// Makes an enum of figures from their rows: variant, name, tags (see `typed.rs`), type of the
/// values and meaning; then functions that give the value. Each function stands behind the names of
/// the methods of `Row` that take it.
macro_rules! figures {
    (
        $(#[$doc:meta])* $figures:ident;
        $(
            $figure:ident $name:literal $tags:literal $value_type:ident $meaning:literal
            $([$($method:ident)+: $value:expr])*
        ;)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $figures { $(#[doc = $meaning] $figure,)* }

        impl $figures {
            /// All of them: HAProxy's in its order, then our own.
            pub const ALL: &[Self] = &[$(Self::$figure,)*];

            const fn row(self) -> &'static Row {
                match self {
                    $(Self::$figure => const {
                        &Row::new($name, $tags, ValueType::$value_type, $meaning)
                            $($(.$method($value))+)*
                    },)*
                }
            }
        }
    };
}

pub(super) use figures;
