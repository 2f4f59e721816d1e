//! `register /tool/NAME`: the process answers for a tool. And what a call of one has to be.
//!
//! What is declared with a tool holds for every call of it until its process ends: an effect, which joins the row's
//! and so can only raise it; labels, which join whatever it answers; a clearance; a schema, which its arguments have to fit before
//! it is handed anything.

mod schema;

pub(super) use schema::Schema;

use super::send::Message;
use super::{Body, invalid};
use crate::governance::{Dimension, Effect};
use crate::id::{ActionId, Pid};
use crate::ipc::MAILBOX_BYTES;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::{Labels, TooManyLabels};
use crate::path::{Name, Resource};
use crate::refusal::{Code, Refusal};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The most tools of one process.
const TOOLS: usize = 64;

/// The most that the schemas of one process's tools take together, bytes: as much as may wait in its mailbox.
const SCHEMAS_BYTES: usize = MAILBOX_BYTES;

/// A tool to register.
#[derive(Clone, Debug)]
pub struct NewTool {
    /// The least effect of a call.
    pub effect: Effect,
    /// Joined to what it answers.
    pub output_labels: Labels,
    /// What may reach it; `None` where it does not say.
    pub clearance: Option<Labels>,
    /// What its arguments have to be; `None` takes any bytes.
    pub schema: Option<Arc<Schema>>,
}

/// A tool that can be called.
#[derive(Clone, Debug)]
pub(crate) struct Tool {
    /// Who answers for it.
    pub(crate) pid: Pid,
    /// What that process carried when it registered.
    pub(crate) asked: Labels,
    /// The least effect of a call.
    pub(crate) effect: Effect,
    /// What may reach it; `None` where it does not say.
    pub(crate) clearance: Option<Labels>,
    /// Joined to all that it answers.
    pub(crate) output_labels: Labels,
    schema: Option<Arc<Schema>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    effect: Option<Map<String, Value>>,
    output_labels: Labels,
    clearance: Option<Labels>,
    schema: Option<Value>,
}

pub(super) fn parse(body: &Body) -> Result<NewTool, Refusal> {
    let Header { effect, output_labels, clearance, schema } = super::header(body)?;
    let schema = schema.map(|schema| Schema::parse(&schema)).transpose();
    Ok(NewTool {
        // What nobody described may do anything.
        effect: effect.map_or(Ok(Effect::MAX), declared)?,
        output_labels,
        clearance,
        schema: schema.map_err(|e| invalid(format!("the schema: {e}")))?.map(Arc::new),
    })
}

/// The effect that `given` names; a dimension that is left out is zero.
fn declared(given: Map<String, Value>) -> Result<Effect, Refusal> {
    let mut whole: Map<String, Value> = Dimension::ALL.iter().map(|d| (d.as_str().to_owned(), 0.into())).collect();
    whole.extend(given);
    serde_json::from_value(Value::Object(whole)).map_err(|e| invalid(format!("the effect: {e}")))
}

impl State {
    pub(super) fn apply_register_tool(&mut self, act: &Act, name: &Name, tool: &NewTool) -> Result<Answer, Refusal> {
        if let Some(Tool { pid, asked, .. }) = self.tools.get(name) {
            let taken = Refusal::new(Code::Conflict, format!("/tool/{name} is answered by /proc/{pid}"));
            let asked = asked.clone();
            return Err(self.tell_of(act.pid, &asked, taken));
        }
        let Some(process) = self.processes.get_mut(&act.pid) else { return Ok(Answer::empty()) };
        if process.rare.tools.len() >= TOOLS {
            return Err(Refusal::new(Code::Full, format!("a process may answer for {TOOLS} tools")));
        }
        let weight = |schema: &Option<Arc<Schema>>| schema.as_ref().map_or(0, |schema| schema.weight());
        let kept = process.rare.tools.iter().filter_map(|name| self.tools.get(name)).map(|tool| weight(&tool.schema));
        if kept.sum::<usize>() + weight(&tool.schema) > SCHEMAS_BYTES {
            let reason = format!("the schemas of a process's tools may take {SCHEMAS_BYTES} bytes together");
            return Err(Refusal::new(Code::Full, reason));
        }
        process.rare.tools.insert(name.clone());
        let NewTool { effect, output_labels, clearance, schema } = tool.clone();
        let tool = Tool { pid: act.pid, asked: act.labels.clone(), effect, clearance, output_labels, schema };
        self.tools.insert(name.clone(), tool);
        Ok(Answer::empty())
    }

    /// Refuses a call of a tool with arguments that do not fit its schema.
    pub(super) fn refuse_unfit(&mut self, act: &Act, message: &Message) -> Result<(), Refusal> {
        let Resource::Tool(name) = &act.resource else { return Ok(()) };
        let Some(Tool { schema: Some(schema), asked, .. }) = self.tools.get(name) else { return Ok(()) };
        let Err(unfit) = schema.check(&message.payload) else { return Ok(()) };
        let refusal = invalid(format!("the arguments of {}: {unfit}", act.resource));
        // What it takes is the doing of whoever registered it.
        let asked = asked.clone();
        Err(self.tell_of(act.pid, &asked, refusal))
    }

    /// What the answer to a call is labelled: as its callee is, and as a tool's answers are.
    pub(crate) fn output_labels(&self, action: ActionId, labels: &Labels) -> Result<Labels, Refusal> {
        let tool = match self.opened.get(&action).map(|open| &open.resource) {
            Some(Resource::Tool(name)) => self.tools.get(name),
            _ => None,
        };
        let Some(tool) = tool else { return Ok(labels.clone()) };
        labels
            .join(&tool.output_labels)
            .map_err(|e| Refusal::new(Code::TooLarge, format!("what the tool answered cannot be labelled: {e}")))
    }

    /// What an answer of `pid` is labelled if it may be one of any of its tools.
    pub(crate) fn labelled_by_tools(&self, pid: Pid, labels: &Labels) -> Result<Labels, TooManyLabels> {
        let names = self.processes.get(&pid).into_iter().flat_map(|process| &process.rare.tools);
        let tools = names.filter_map(|name| self.tools.get(name));
        tools.map(|tool| &tool.output_labels).try_fold(labels.clone(), |all, labels| all.join(labels))
    }
}
