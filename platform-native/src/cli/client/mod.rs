//! The commands that talk to a kernel that stays, each one file: what it asks over the API and how it shows the answer.

mod approvals;
mod apps;
mod connection;
mod event;
mod grant;
mod health;
mod kill;
mod letters;
mod logs;
mod message;
mod ps;
mod revoke;
mod services;
mod shutdown;
mod signal;
mod spawn;
mod suspend;
mod top;

pub(crate) use approvals::Approvals;
pub(in crate::cli) use approvals::ask_of;
pub(in crate::cli) use apps::request_of;
pub(crate) use apps::{Install, List, Remove, Start, Stop};
pub(in crate::cli) use event::{Event, Events};
pub(crate) use grant::Grant;
pub(crate) use health::Health;
pub(crate) use kill::Kill;
pub(crate) use letters::Letters;
pub(crate) use logs::Logs;
pub(crate) use message::{Call, Send};
pub(crate) use ps::Ps;
pub(crate) use revoke::Revoke;
pub(crate) use services::Services;
pub(crate) use shutdown::Shutdown;
pub(crate) use signal::Signal;
pub(crate) use spawn::Spawn;
pub(crate) use suspend::Process;
pub(crate) use top::Top;

use super::address::Address;
use super::api::{TOKEN, token_text};
use super::exit::{Exit, Failure};
use super::place::Places;
use super::text::shell;
use clap::builder::{OsStringValueParser, TypedValueParser};
pub(in crate::cli) use connection::Connection;
pub(in crate::cli) use message::{given, payload, write};
use std::path::{Path, PathBuf};

/// Which kernel.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Which {
    /// The data directory of the kernel. Default: $WEFT_DATA_DIR, else ~/.local/share/weft/kernel.d
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where it listens, if not in its data directory: a path, unix:PATH or tcp:HOST:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = OsStringValueParser::new().try_map(Address::parse))]
    at: Option<Address>,
    /// What holds the token for a TCP address. Default: api.token of the data directory
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whether `host` is this machine whatever a resolver says.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Which {
    /// The one of these flags.
    pub(crate) fn of(data_dir: Option<&Path>, at: Option<&Address>, token_file: Option<&Path>) -> Which {
        let path = |path: Option<&Path>| path.map(Path::to_owned);
        Which { data_dir: path(data_dir), at: at.cloned(), token_file: path(token_file), json: false }
    }

    /// The data directory that was named, within; `None` where an address was.
    pub(in crate::cli) fn own_dir(&self) -> Option<Option<&Path>> {
        self.at.is_none().then_some(self.data_dir.as_deref())
    }

    /// The data directory that it has on this machine.
    pub(in crate::cli) fn place(&self) -> Result<PathBuf, Failure> {
        Places::from_env().of_kernel(self.data_dir.as_deref())
    }

    /// Whether it may have its data directory elsewhere.
    pub(in crate::cli) fn is_elsewhere(&self) -> bool {
        self.at.is_some()
    }

    /// Talks to it.
    ///
    /// # Errors
    /// That there is none, or none that one may talk to.
    pub(in crate::cli) async fn connect(&self) -> Result<Connection, Failure> {
        let places = Places::from_env();
        let data_dir = || places.of_kernel(self.data_dir.as_deref());
        let address = match &self.at {
            Some(address) => address.clone(),
            None => Address::of(&data_dir()?),
        };
        let token = match (&self.token_file, &address) {
            (Some(file), Address::Tcp { .. }) => Some(token_text(file)?),
            (None, Address::Tcp { host, .. }) if !is_loopback(host) => {
                let message = format!("{address} is another machine, and the token would be sent to it unencrypted");
                return Err(Failure::usage(message).help("if it is the right one, name its token: --token-file FILE"));
            }
            (None, Address::Tcp { .. }) => Some(token_text(&data_dir()?.join(TOKEN))?),
            (_, Address::Unix(_)) => None,
        };
        Connection::open(&address, token).await.map_err(|why| {
            let message = format!("no kernel answers at {address}: {why}");
            let help = match (&self.at, data_dir()) {
                (None, Ok(dir)) => format!("start one: weft up --data-dir {}", shell(&dir)),
                _ => "see with what --listen it was started: weft up --listen ADDRESS".to_owned(),
            };
            Failure::new(Exit::Unsupported, "no_kernel", message).help(help).with("address", address.to_string())
        })
    }
}
