//! `weft tree`: the resource tree of a kernel that stays. Where none runs, what only looks is done on its data directory.

use super::VERSION;
use super::api::{Encoding, changes_of};
use super::chain::advice;
use super::client::{Connection, Which, given, payload, write};
use super::exit::{Exit, Failure};
use super::on_runtime;
use super::place::Places;
use super::stored::Stored;
use super::table::{Align, Table};
use super::terminal::{Terminal, print, print_json};
use super::text::{bytes, plain, time};
use kernel_core::chain::Evidence;
use kernel_core::kernel::{ProveError, prove_node, snapshots, tree_children, tree_record, verify_node};
use kernel_core::path::{Name, Resource, TreePath};
use kernel_core::refusal::{Code, Refusal};
use kernel_core::time::WallTime;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most bytes of a value.
const MOST: u64 = 1 << 20;
/// How many children are read at once from a data directory.
const PAGE: usize = 10_000;
/// What is left out where the table does not fit, the first first.
const DROPPABLE: [&str; 3] = ["LABELS", "OWNER", "KIND"];

/// What `weft tree` can be asked for.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List what is directly below a node
    Ls(Ls),
    /// Print the value of a node
    Get(Read),
    /// Write a node, which is made if it is not there
    Put(Put),
    /// Remove a node, and none below it
    Rm(Get),
    /// Print a proof of what a node is, or that it is not there, as one JSON document
    ///
    /// It leads from the node to the root of the tree, to the event of the log that tells this root, and to a signed
    /// checkpoint, so that whoever has the key of the log needs nothing else.
    Prove(Get),
    /// Keep the whole tree as it is now under a name, which costs next to nothing
    Snapshot(Snapshot),
    /// List the snapshots, the oldest first
    Snapshots(Listed),
    /// Show which nodes are not now, or in a later snapshot, as they were in a snapshot
    Diff(Diff),
}

/// The arguments of `weft tree ls`.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// The node, as in /tree/app/notes
    #[arg(value_name = "PATH", default_value = "/tree", value_parser = parse)]
    path: Resource,
    #[command(flatten)]
    which: Which,
}

/// The arguments of what is about one node.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// The node, as in /tree/app/notes/x
    #[arg(value_name = "PATH", value_parser = parse)]
    path: Resource,
    #[command(flatten)]
    which: Which,
}

/// The arguments of `weft tree get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Read {
    #[command(flatten)]
    one: Get,
    /// Print what it was in this snapshot, of a kernel that runs
    #[arg(long, value_name = "NAME")]
    snapshot: Option<String>,
}

/// The arguments of `weft tree snapshot`.
#[derive(Debug, clap::Args)]
pub(crate) struct Snapshot {
    /// Its name
    #[arg(value_name = "NAME")]
    name: Name,
    /// Let go of it instead
    #[arg(long)]
    remove: bool,
    #[command(flatten)]
    which: Which,
}

/// The arguments of `weft tree snapshots`.
#[derive(Debug, clap::Args)]
pub(crate) struct Listed {
    #[command(flatten)]
    which: Which,
}

/// The arguments of `weft tree diff`.
#[derive(Debug, clap::Args)]
pub(crate) struct Diff {
    /// A snapshot
    #[arg(value_name = "FROM")]
    from: String,
    /// A later one. Default: what there is now
    #[arg(value_name = "TO")]
    to: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// The arguments of `weft tree put`.
#[derive(Debug, clap::Args)]
pub(crate) struct Put {
    /// The node, as in /tree/app/notes/x
    #[arg(value_name = "PATH", value_parser = parse)]
    path: Resource,
    /// Its value; `-` reads it from standard input
    #[arg(value_name = "VALUE")]
    value: String,
    /// What it is, in a word
    #[arg(long, value_name = "WORD")]
    kind: Option<String>,
    /// A label that the node carries
    #[arg(long = "label", value_name = "LABEL")]
    labels: Vec<String>,
    /// Write only over the value of this SHA-256, in hexadecimal, or with `absent` only where there is none
    #[arg(long, value_name = "HASH")]
    expect: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Where the tree is looked at.
enum Place {
    /// In a kernel.
    Kernel(Connection),
    /// In a data directory that no kernel uses.
    Stored(Box<Stored>),
}

impl Command {
    fn which(&self) -> &Which {
        match self {
            Command::Ls(Ls { which, .. }) | Command::Put(Put { which, .. }) => which,
            Command::Get(Read { one, .. }) | Command::Rm(one) | Command::Prove(one) => &one.which,
            Command::Snapshot(Snapshot { which, .. }) | Command::Diff(Diff { which, .. }) => which,
            Command::Snapshots(Listed { which }) => which,
        }
    }

    /// Whether results are for a program.
    pub(crate) fn json(&self) -> bool {
        self.which().json
    }

    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            match self {
                Command::Ls(ls) => ls.run(terminal).await,
                Command::Get(read) => read.run().await,
                Command::Snapshot(snapshot) => snapshot.run().await,
                Command::Snapshots(listed) => listed.run().await,
                Command::Diff(diff) => diff.run().await,
                Command::Put(put) => put.run().await,
                Command::Rm(get) => get.remove().await,
                Command::Prove(get) => get.prove().await,
            }?;
            Ok(Exit::Done)
        })
    }
}

impl Ls {
    async fn run(&self, terminal: Terminal) -> Result<(), Failure> {
        let mut all: BTreeMap<String, Value> = BTreeMap::new();
        let mut place = place(&self.which).await?;
        let mut cursor: Option<String> = None;
        loop {
            let page = match &mut place {
                Place::Kernel(kernel) => {
                    let page = json!({ "path": self.path, "cursor": cursor });
                    kernel.post("/v1/tree/children", &page).await?
                }
                Place::Stored(stored) => {
                    let page = tree_children(&stored.rows, node(&self.path)?, cursor.as_deref(), PAGE).await?;
                    json!({ "children": page.children, "next": page.next })
                }
            };
            for (name, child) in page["children"].as_object().into_iter().flatten() {
                let known = all.entry(name.clone()).or_insert_with(|| child.clone());
                // It may be on two pages: once for itself, and once for what is below it.
                if !child["node"].is_null() {
                    (known["node"], known["bytes"]) = (child["node"].clone(), child["bytes"].clone());
                }
                known["parent"] = json!(known["parent"] == true || child["parent"] == true);
            }
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        if self.which.json {
            return print_json(&json!({ "weft": VERSION, "path": self.path, "children": all }));
        }
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("NAME", Left),
            ("VERSION", Right),
            ("SIZE", Right),
            ("KIND", Left),
            ("OWNER", Right),
            ("LABELS", Left),
        ]);
        for (name, child) in &all {
            let node = &child["node"];
            let number = |name: &str| node[name].as_u64().map(|n| n.to_string()).unwrap_or_default();
            let labels: Vec<&str> = node["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            table.row([
                format!("{}{}", plain(name), if child["parent"] == true { "/" } else { "" }),
                if node["version"] == 0 { "removed".to_owned() } else { number("version") },
                child["bytes"].as_u64().map(bytes).unwrap_or_default(),
                plain(node["kind"].as_str().unwrap_or_default()),
                number("owner"),
                plain(&labels.join(", ")),
            ]);
        }
        table.fit(terminal.out_columns, &DROPPABLE);
        print(&table.lines())
    }
}

impl Read {
    async fn run(&self) -> Result<(), Failure> {
        let Get { path, which } = &self.one;
        let there = match &self.snapshot {
            // Whose labels it tells of is for the kernel to say.
            Some(_) => Place::Kernel(which.connect().await?),
            None => place(which).await?,
        };
        let value = match there {
            Place::Kernel(mut kernel) => {
                payload(&kernel.act("read", &path.to_string(), json!({ "len": MOST, "at": self.snapshot })).await?)
            }
            Place::Stored(stored) => {
                let record = tree_record(&stored.rows, node(path)?).await?;
                let value = record.and_then(|record| record.value);
                value.ok_or_else(|| Refusal::new(Code::NotFound, format!("there is no node {path}")))?
            }
        };
        if which.json {
            let (encoding, text) = Encoding::of(&value);
            return print_json(&json!({ "weft": VERSION, "path": path, "payload": text, "encoding": encoding }));
        }
        write(&value)
    }
}

impl Snapshot {
    async fn run(&self) -> Result<(), Failure> {
        let verb = if self.remove { "remove" } else { "write" };
        self.which.connect().await?.act(verb, "/tree", json!({ "snapshot": self.name })).await?;
        match (self.which.json, self.remove) {
            (true, _) => print_json(&json!({ "weft": VERSION, "name": self.name })),
            (false, true) => print(&[format!("the snapshot `{}` is gone", self.name)]),
            (false, false) => print(&[format!("the tree is kept as `{}`", self.name)]),
        }
    }
}

impl Listed {
    async fn run(&self) -> Result<(), Failure> {
        let listed = self.which.connect().await?.get("/v1/tree/snapshots").await?;
        if self.which.json {
            return print_json(&listed);
        }
        let all = listed["snapshots"].as_array().into_iter().flatten();
        let line = |one: &Value| {
            let text = |name: &str| plain(one[name].as_str().unwrap_or_default());
            let number = |name: &str| one[name].as_u64().unwrap_or_default();
            let (taken, kept) = (time(WallTime(number("at"))), bytes(number("bytes")));
            let (name, by, action, root) = (text("name"), text("by"), number("action"), text("root"));
            format!("{name}  {taken}  by {by}, act {action}  {kept} kept  root {root}")
        };
        print(&all.map(line).collect::<Vec<_>>())
    }
}

impl Diff {
    async fn run(&self) -> Result<(), Failure> {
        let changes = match place(&self.which).await? {
            Place::Kernel(mut kernel) => {
                let asked = json!({ "from": self.from, "to": self.to });
                kernel.post("/v1/tree/diff", &asked).await?["changes"].take()
            }
            Place::Stored(stored) => {
                let kept = snapshots(&stored.rows).await?;
                json!(changes_of(&stored.rows, &kept, &self.from, self.to.as_deref()).await?)
            }
        };
        if self.which.json {
            return print_json(&json!({ "weft": VERSION, "changes": changes }));
        }
        let line = |change: &Value| {
            let sign = match (change["before"].is_null(), change["after"].is_null()) {
                (true, _) => '+',
                (_, true) => '-',
                _ => '~',
            };
            format!("{sign} {}", plain(change["path"].as_str().unwrap_or_default()))
        };
        print(&changes.as_array().into_iter().flatten().map(line).collect::<Vec<_>>())
    }
}

impl Get {
    async fn remove(&self) -> Result<(), Failure> {
        self.which.connect().await?.act("remove", &self.path.to_string(), json!({})).await?;
        match self.which.json {
            true => print_json(&json!({ "weft": VERSION, "path": self.path })),
            false => print(&[format!("{} is gone", self.path)]),
        }
    }

    async fn prove(&self) -> Result<(), Failure> {
        match place(&self.which).await? {
            Place::Kernel(mut kernel) => {
                let proved = kernel.post("/v1/tree/prove", &json!({ "path": self.path })).await?;
                let proof = Evidence::parse(proved["proof"].to_string().as_bytes());
                let proof = proof.map_err(|e| kernel.broke_off(&e.to_string()))?;
                print(&[proof.to_json()])
            }
            Place::Stored(stored) => {
                let proof = prove_node(&stored.rows, node(&self.path)?).await;
                let unproven = |e: ProveError| match e {
                    ProveError::Unsigned => {
                        Failure::new(Exit::Integrity, "unsigned", e.to_string()).help(advice(&stored.path))
                    }
                    other => Failure::new(Exit::Integrity, "unproven", other.to_string()),
                };
                let proof = proof.map_err(unproven)?;
                verify_node(&proof, Some(&stored.key))?;
                print(&[Evidence::Node(proof).to_json()])
            }
        }
    }
}

impl Put {
    async fn run(&self) -> Result<(), Failure> {
        let value = given(&self.value, "a value")?;
        let mut line = json!({ "replace": true, "labels": self.labels });
        for (name, said) in [("kind", &self.kind), ("expect", &self.expect)] {
            if let Some(said) = said {
                line[name] = json!(said);
            }
        }
        let (encoding, text) = Encoding::of(&value);
        let act =
            json!({ "verb": "write", "resource": self.path, "body": line, "payload": text, "encoding": encoding });
        let written = self.which.connect().await?.post("/v1/acts", &act).await?;
        let version = &written["body"]["version"];
        match self.which.json {
            true => print_json(&json!({ "weft": VERSION, "path": self.path, "version": version })),
            false => print(&[format!("{} is version {version}", self.path)]),
        }
    }
}

/// The kernel, or where none answers in its own place its data directory.
async fn place(which: &Which) -> Result<Place, Failure> {
    let unanswered = match which.connect().await {
        Ok(kernel) => return Ok(Place::Kernel(kernel)),
        Err(failure) => failure,
    };
    let Some(dir) = which.own_dir().filter(|_| unanswered.code == "no_kernel") else { return Err(unanswered) };
    let path = Places::from_env().of_kernel(dir)?;
    match Stored::open(&path, None).await {
        Ok(stored) => Ok(Place::Stored(Box::new(stored))),
        Err(_) => Err(unanswered),
    }
}

fn node(path: &Resource) -> Result<&TreePath, Failure> {
    match path {
        Resource::Tree(path) => Ok(path),
        other => Err(Failure::usage(format!("{other} is not in the tree"))),
    }
}

fn parse(text: &str) -> Result<Resource, String> {
    match text.parse() {
        Ok(path @ Resource::Tree(_)) => Ok(path),
        Ok(_) => Err("a node of the tree is written /tree/NAME/NAME".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}
