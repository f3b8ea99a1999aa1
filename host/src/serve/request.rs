//! A line of JSON as a request.
//!
//! In: bytes. Out: a [`Request`], or the [`RequestError`] with as much of its `id` as could be read. Guaranteed: keys
//! that no verb has are refused, so that a misspelt limit is not silently none. Not handled: what is asked for.

use std::time::Duration;

use ptwalk_abi::{Extern, VaRange, VirtAddr};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::error::RequestError;
use crate::gup::{FollFlags, Policy};
use crate::number::parse_u64;
use crate::typed::{parse_range, parse_setting, parse_version};
use crate::walk::Filter;
use crate::walk::merge::Merge;

/// Bytes of an `id`.
const ID_BYTES_MAX: usize = 128;

/// What a client asks.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the client calls it: a string, a number, or nothing.
    pub id: Value,
    /// How long it may take.
    pub deadline: Option<Duration>,
    /// What is asked.
    pub verb: Verb,
}

/// The verbs.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Addresses, every level.
    Walk(WalkRequest),
    /// Pages that a kernel would pin.
    Gup(GupRequest),
    /// A page of mappings.
    Dump(DumpRequest),
    /// Another plugin.
    Swap(SwapRequest),
    /// How the service is.
    Status,
}

/// See [`Verb::Walk`].
#[derive(Clone, Debug)]
pub struct WalkRequest {
    /// The addresses.
    pub addresses: Vec<VirtAddr>,
}

/// See [`Verb::Gup`].
#[derive(Clone, Debug)]
pub struct GupRequest {
    /// First address.
    pub start: VirtAddr,
    /// Pages.
    pub nr: i64,
    /// The flags.
    pub flags: FollFlags,
    /// Whose GUP.
    pub policy: &'static Policy,
}

/// See [`Verb::Dump`].
#[derive(Clone, Debug, Default)]
pub struct DumpRequest {
    /// What to dump; everything the roots translate, where it is not said.
    pub range: Option<VaRange>,
    /// Which leaves.
    pub filter: Option<Filter>,
    /// Which neighbours become one record.
    pub merge: Option<Merge>,
    /// Records of the page.
    pub limit: Option<usize>,
    /// Where the page before ended.
    pub cursor: Option<Cursor>,
}

/// See [`Verb::Swap`].
#[derive(Clone, Debug)]
pub struct SwapRequest {
    /// The name of an embedded plugin, or a file.
    pub plugin: String,
    /// Settings over those that the service began with.
    pub settings: Vec<(Extern, i32)>,
}

/// Where a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Generation of the plugin.
    pub generation: u64,
    /// Position of the root.
    pub root: usize,
    /// The next address.
    pub va: u64,
}

impl Cursor {
    /// As clients get it and give it back.
    pub fn text(self) -> String {
        format!("{}.{}.{:#x}", self.generation, self.root, self.va)
    }

    fn parse(text: &str) -> Result<Cursor, RequestError> {
        let parts: Vec<&str> = text.split('.').collect();
        let cursor = match parts[..] {
            [generation, root, va] => {
                let (generation, root, va) = (parse_u64(generation)?, parse_u64(root)?, parse_u64(va)?);
                usize::try_from(root).ok().map(|root| Cursor { generation, root, va })
            }
            _ => None,
        };
        cursor.ok_or_else(|| RequestError::Cursor(text.chars().take(40).collect()))
    }
}

impl Verb {
    /// The names, by position.
    pub const NAMES: [&str; 5] = ["walk", "gup", "dump", "swap", "status"];

    /// Position in [`Verb::NAMES`].
    pub const fn position(&self) -> usize {
        match self {
            Verb::Walk(_) => 0,
            Verb::Gup(_) => 1,
            Verb::Dump(_) => 2,
            Verb::Swap(_) => 3,
            Verb::Status => 4,
        }
    }

    /// The name.
    pub const fn name(&self) -> &'static str {
        Verb::NAMES[self.position()]
    }
}

impl Request {
    /// Reads a request. What is wrong with one comes with its `id`, if that is in order.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn parse(line: &[u8]) -> Result<Request, (Value, RequestError)> {
        let anonymous = |error| (Value::Null, error);
        let value: Value = serde_json::from_slice(line).map_err(|error| anonymous(error.into()))?;
        let Value::Object(mut fields) = value else { return Err(anonymous(RequestError::NotAnObject)) };
        let id = match fields.remove("id") {
            None => Value::Null,
            Some(Value::String(id)) if id.len() <= ID_BYTES_MAX => Value::String(id),
            Some(id @ (Value::Number(_) | Value::Null)) => id,
            Some(_) => return Err(anonymous(RequestError::Id { max: ID_BYTES_MAX })),
        };
        match Request::of_fields(fields) {
            Ok((deadline, verb)) => Ok(Request { id, deadline, verb }),
            Err(error) => Err((id, error)),
        }
    }

    fn of_fields(mut fields: Map<String, Value>) -> Result<(Option<Duration>, Verb), RequestError> {
        let deadline = match fields.remove("deadline_ms") {
            None => None,
            Some(ms) => {
                let ms = ms.as_u64().filter(|ms| *ms > 0).ok_or(RequestError::Deadline)?;
                Some(Duration::from_millis(ms))
            }
        };
        let op = fields.remove("op");
        let rest = Value::Object(fields);
        let verb = match op.as_ref().and_then(Value::as_str) {
            Some("walk") => Verb::Walk(serde_json::from_value::<wire::Walk>(rest)?.try_into()?),
            Some("gup") => Verb::Gup(serde_json::from_value::<wire::Gup>(rest)?.try_into()?),
            Some("dump") => Verb::Dump(serde_json::from_value::<wire::Dump>(rest)?.try_into()?),
            Some("swap") => Verb::Swap(serde_json::from_value::<wire::Swap>(rest)?.try_into()?),
            Some("status") => {
                let wire::Status {} = serde_json::from_value(rest)?;
                Verb::Status
            }
            _ => return Err(RequestError::Verb),
        };
        Ok((deadline, verb))
    }
}

/// The fields of each verb as they are sent.
mod wire {
    use super::{
        Cursor, Deserialize, DumpRequest, Filter, FollFlags, GupRequest, Merge, Policy, RequestError, SwapRequest,
        VirtAddr, WalkRequest, parse_range, parse_setting, parse_u64, parse_version,
    };
    use ptwalk_abi::Extern;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Walk {
        addresses: Vec<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Gup {
        start: String,
        nr: i64,
        #[serde(default)]
        write: bool,
        #[serde(default)]
        longterm: bool,
        #[serde(default)]
        flags: Vec<String>,
        gup_epoch: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Dump {
        range: Option<String>,
        filter: Option<String>,
        merge: Option<MergeName>,
        limit: Option<usize>,
        cursor: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum MergeName {
        None,
        Va,
        Pa,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Swap {
        plugin: String,
        config: Option<String>,
        kernel: Option<String>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct Status {}

    impl TryFrom<Walk> for WalkRequest {
        type Error = RequestError;

        fn try_from(walk: Walk) -> Result<WalkRequest, RequestError> {
            let addresses = walk.addresses.iter().map(|text| Ok(VirtAddr(parse_u64(text)?)));
            Ok(WalkRequest { addresses: addresses.collect::<Result<_, RequestError>>()? })
        }
    }

    impl TryFrom<Gup> for GupRequest {
        type Error = RequestError;

        fn try_from(gup: Gup) -> Result<GupRequest, RequestError> {
            let mut flags = FollFlags::NONE.with(FollFlags::WRITE, gup.write).with(FollFlags::LONGTERM, gup.longterm);
            for name in &gup.flags {
                flags = flags | FollFlags::by_name(name).ok_or_else(|| RequestError::Flag(name.clone()))?;
            }
            let policy = match &gup.gup_epoch {
                Some(version) => Policy::of(parse_version(version)?).ok_or(RequestError::Epoch)?,
                None => &Policy::V5_3,
            };
            Ok(GupRequest { start: VirtAddr(parse_u64(&gup.start)?), nr: gup.nr, flags, policy })
        }
    }

    impl TryFrom<Dump> for DumpRequest {
        type Error = RequestError;

        fn try_from(dump: Dump) -> Result<DumpRequest, RequestError> {
            Ok(DumpRequest {
                range: dump.range.as_deref().map(parse_range).transpose()?,
                filter: dump.filter.as_deref().map(Filter::parse).transpose()?,
                merge: dump.merge.map(|merge| match merge {
                    MergeName::None => Merge::None,
                    MergeName::Va => Merge::Va,
                    MergeName::Pa => Merge::Pa,
                }),
                limit: dump.limit,
                cursor: dump.cursor.as_deref().map(Cursor::parse).transpose()?,
            })
        }
    }

    impl TryFrom<Swap> for SwapRequest {
        type Error = RequestError;

        fn try_from(swap: Swap) -> Result<SwapRequest, RequestError> {
            let kernel = swap.kernel.as_deref().map(parse_version).transpose()?;
            let config = swap.config.iter().flat_map(|config| config.split(','));
            let mut settings = config.map(parse_setting).collect::<Result<Vec<_>, _>>()?;
            settings.extend(kernel.map(|version| (Extern::LINUX_VERSION_CODE, version.code())));
            Ok(SwapRequest { plugin: swap.plugin, settings })
        }
    }
}
