//! Applications: what a `weft.toml` says, whether it can be, what it asks for, and what it gets.
//!
//! The way of an application, each step a pure function: [`parse`] makes a [`Manifest`] of text,
//! [`check`] holds it against its programs and the verb table, [`asks`] lists what the operator has to
//! give, [`resolve`] makes capabilities of what was given, and [`plan`] puts all of it into one value
//! for the kernel to install. What an operator starts a kernel with, and gives to which applications there, is a [`Config`],
//! made by [`parse_config`]. What is wrong comes as [`Problem`]s, all at once, each with its place.

mod asks;
mod check;
mod component;
mod config;
mod consent;
mod fields;
mod manifest;
mod memory;
mod order;
mod parse;
mod plan;
mod problem;
mod roles;
mod source;
mod supervisors;
mod units;

#[cfg(test)]
mod tests;

pub use asks::{Ask, asks, own_rights};
pub use check::{Checked, Component, MAX_PROGRAMS, Surroundings, check};
pub use component::{ComponentError, ComponentInfo, MAX_COMPONENT, Weight, inspect, weigh};
pub use config::{AppConfig, Config, parse_config};
pub use consent::{Consent, Granted, MAX_ALLOW, Missing, TooMuchGiven, Unused, resolve, unused};
pub use fields::Placed;
pub use manifest::{
    Agent, AgentLimits, App, Budget, Container, DEFAULT_LOG, Inbox, Manifest, Mount, MountMode, Program, Service,
    Supervisor, Tool,
};
pub use memory::TooMuchMemory;
pub use parse::{parse, parse_bytes};
pub use plan::{
    AgentPlan, Feature, MountPlan, Need, Plan, PlanError, ProgramPlan, ServicePlan, needs, plan, rule_name,
};
pub use problem::{MAX_PROBLEMS, Problem, closest};
pub use roles::Described;
pub use source::{MAX_DEPTH, MAX_MANIFEST, Source};
pub use supervisors::{MAX_NESTING, SupervisorPlan};
pub use units::{parse_duration, parse_size};
