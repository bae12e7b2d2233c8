//! The form of a row in the table of columns.

use super::object::{BackendServer, BoundListener, Object, ObjectKind};
use super::typed::{Tags, ValueType};
use super::value::Value;
use crate::admin::context::Context;
use crate::admin::context::endpoint::Endpoint;
use crate::proxy::backend::Backend;
use crate::proxy::frontend::Frontend;

type FrontendValue = for<'a> fn(&'a Frontend, &Context<'_>) -> Value<'a>;
type EndpointValue = for<'a> fn(&'a Endpoint, &Context<'_>) -> Value<'a>;
type BackendValue = for<'a> fn(&'a Backend, &Context<'_>) -> Value<'a>;
type ListenerValue = for<'a> fn(BoundListener<'a>, &Context<'_>) -> Value<'a>;
type ServerValue = for<'a> fn(BackendServer<'a>, &Context<'_>) -> Value<'a>;

/// A column. It has a function for each kind of object that has a value there.
pub(super) struct Row {
    pub(super) name: &'static str,
    tags: Tags,
    pub(super) value_type: ValueType,
    pub(super) meaning: &'static str,
    frontend: Option<FrontendValue>,
    endpoint: Option<EndpointValue>,
    backend: Option<BackendValue>,
    server: Option<ServerValue>,
    listener: Option<ListenerValue>,
    /// The tags for backends, where they add up figures of their servers.
    backend_tags: Option<Tags>,
}

impl Row {
    pub(super) const fn new(
        name: &'static str,
        tags: &'static str,
        value_type: ValueType,
        meaning: &'static str,
    ) -> Self {
        Self {
            name,
            tags: Tags::of(tags),
            value_type,
            meaning,
            frontend: None,
            endpoint: None,
            backend: None,
            server: None,
            listener: None,
            backend_tags: None,
        }
    }

    pub(super) const fn frontend(self, value: FrontendValue) -> Self {
        Self { frontend: Some(value), ..self }
    }

    pub(super) const fn endpoint(self, value: EndpointValue) -> Self {
        Self { endpoint: Some(value), ..self }
    }

    pub(super) const fn backend(self, value: BackendValue) -> Self {
        Self { backend: Some(value), ..self }
    }

    pub(super) const fn server(self, value: ServerValue) -> Self {
        Self { server: Some(value), ..self }
    }

    pub(super) const fn listener(self, value: ListenerValue) -> Self {
        Self { listener: Some(value), ..self }
    }

    pub(super) const fn backend_tags(self, tags: &'static str) -> Self {
        Self { backend_tags: Some(Tags::of(tags)), ..self }
    }

    /// Whether objects of a kind have a value in this column.
    pub(super) const fn has_value(&self, kind: ObjectKind) -> bool {
        match kind {
            ObjectKind::Frontend => self.frontend.is_some() && self.endpoint.is_some(),
            ObjectKind::Endpoint => self.endpoint.is_some(),
            ObjectKind::Backend => self.backend.is_some(),
            ObjectKind::Server => self.server.is_some(),
            ObjectKind::Listener => self.listener.is_some(),
        }
    }

    pub(super) fn tags(&self, object: &Object<'_>) -> Tags {
        match object {
            Object::Backend(_) => self.backend_tags.unwrap_or(self.tags),
            Object::Frontend(_) | Object::Endpoint(_) | Object::Server(_) | Object::Listener(_) => {
                self.tags
            }
        }
    }

    pub(super) fn value<'a>(&self, object: &Object<'a>, context: &Context<'_>) -> Value<'a> {
        let value = match *object {
            Object::Frontend(frontend) => self.frontend.map(|value| value(frontend, context)),
            Object::Endpoint(endpoint) => self.endpoint.map(|value| value(endpoint, context)),
            Object::Backend(backend) => self.backend.map(|value| value(backend, context)),
            Object::Server(server) => self.server.map(|value| value(server, context)),
            Object::Listener(listener) => self.listener.map(|value| value(listener, context)),
        };
        value.unwrap_or(Value::Empty)
    }
}
