//! `weft receipt`.

use super::parse_key;
use super::prove::told;
use super::signed::Signed;
use crate::cli::address::Address;
use crate::cli::client;
use crate::cli::exit::{Exit, Failure, HELD};
use crate::cli::place::Places;
use crate::cli::stored::Stored;
use crate::cli::terminal::tell;
use crate::keys::public_key;
use clap::builder::{OsStringValueParser, TypedValueParser};
use kernel_core::chain::{Evidence, EvidenceError, VerifierKey};
use kernel_core::id::ActionId;
use kernel_core::kernel::{ReceiptError, log_key, receipt, verify_receipt};
use std::path::PathBuf;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Receipt {
    /// The act, by its number in the log
    #[arg(value_name = "ACTION")]
    action: u64,
    /// Put in what the act was done with, too: whoever gets the file reads it
    #[arg(long)]
    with_body: bool,
    /// The data directory. Default: $WEFT_DATA_DIR, else the only one under ~/.local/share/weft
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Whose log it has to be, where no kernel runs on it. Default: the key in the data directory
    #[arg(long, value_name = "KEY", value_parser = parse_key)]
    key: Option<VerifierKey>,
    /// Where the kernel that runs listens, if not in its data directory: a path, unix:PATH or tcp:HOST:PORT
    #[arg(long, value_name = "ADDRESS", value_parser = OsStringValueParser::new().try_map(Address::parse))]
    at: Option<Address>,
    /// What holds the token for a TCP address. Default: api.token of the data directory
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print a failure as JSON, too; the receipt always is
    #[arg(long)]
    pub(crate) json: bool,
}

impl Receipt {
    /// Runs it.
    pub(crate) async fn run(&self) -> Result<Exit, Failure> {
        if self.at.is_some() {
            return self.ask(self.data_dir.clone()).await;
        }
        let path = Places::from_env().existing(self.data_dir.as_deref())?;
        match Stored::open(&path, self.key.clone()).await {
            Ok(stored) => self.of(&stored).await,
            Err(held) if held.code == HELD => match self.ask(Some(path)).await {
                // It is held by something that does not answer: a run to its end.
                Err(nobody) if nobody.code == "no_kernel" => Err(held),
                asked => asked,
            },
            Err(other) => Err(other),
        }
    }

    /// Of a log that nobody writes.
    async fn of(&self, stored: &Stored) -> Result<Exit, Failure> {
        stored.log_end().await?;
        let (signed, action) = (Signed::of(stored).await?, ActionId(self.action));
        let receipt = match receipt(&stored.rows, action, &signed.note, self.with_body).await {
            Err(ReceiptError::NotFound(_)) if signed.tells_later(&stored.rows, action).await? => {
                return Err(signed.unsigned(&format!("act {action}")));
            }
            made => made?,
        };
        let is_whole = verify_receipt(&receipt, Some(&stored.key)).is_ok();
        if !is_whole && signed.tells_later(&stored.rows, action).await? {
            return Err(signed.unsigned(&format!("what came of act {action}")));
        }
        signed.tell();
        handed_out(receipt, &stored.key)
    }

    /// From the kernel that runs on it.
    async fn ask(&self, data_dir: Option<PathBuf>) -> Result<Exit, Failure> {
        let which = client::Which::of(data_dir.as_deref(), self.at.as_ref(), self.token_file.as_deref());
        let mut kernel = which.connect().await?;
        let query = if self.with_body { "?body" } else { "" };
        let answered = kernel.bytes(&format!("/v1/receipts/{}{query}", self.action)).await?;
        match Evidence::parse(&answered) {
            Ok(Evidence::Receipt(receipt)) => {
                let found = data_dir.as_deref().map(public_key).transpose()?.flatten().map(log_key);
                match self.key.as_ref().or(found.as_ref()) {
                    Some(key) => handed_out(receipt, key),
                    // There is no key here to hold it against.
                    None => told(&Evidence::Receipt(receipt)),
                }
            }
            Ok(_) => Err(kernel.broke_off("it is no receipt")),
            Err(e) => Err(kernel.broke_off(&e.to_string())),
        }
    }
}

/// Prints a receipt, and says what it lacks: of an act under way the log tells no more. One that does not hold is not printed.
fn handed_out(receipt: kernel_core::chain::Receipt, key: &VerifierKey) -> Result<Exit, Failure> {
    match verify_receipt(&receipt, Some(key)) {
        Ok(_) => {}
        Err(lacks @ (EvidenceError::AdmissionMissing(_) | EvidenceError::OutcomeMissing(_))) => {
            tell(&format!("weft: whoever verifies this will find {}: {lacks}", lacks.code()));
        }
        Err(problem) => {
            let message = format!("the log does not give such a receipt: {problem}");
            return Err(Failure::new(Exit::Integrity, problem.code(), message)
                .help("`weft chain verify` says what was changed; keep the data directory as evidence"));
        }
    }
    told(&Evidence::Receipt(receipt))
}
