//! Converters that find a field in a message of a protocol.

use super::row::{BYTES, ConverterRow, row};
use crate::config::rules::converter::{MqttField, MqttPacket};
use crate::config::rules::expression::Converter;
use crate::config::rules::expression::ValueType::{Bool, Text};
use crate::config::text::nearest::hint;

pub(super) const CONVERTERS: &[ConverterRow] = &[
    row(
        "mqtt_is_valid",
        (BYTES, Bool),
        |_| Ok(Converter::MqttIsValid),
        "Whether the bytes begin with a CONNECT or CONNACK packet of MQTT 3.1, 3.1.1 or 5.0.",
        "tcp-request content reject unless { req.payload(0,0),mqtt_is_valid }",
    ),
    row(
        "mqtt_field_value",
        (BYTES, Text),
        |arguments| {
            let packet = mqtt_packet(arguments.required("packet")?)?;
            let field = mqtt_field(packet, arguments.required("field")?)?;
            Ok(Converter::MqttField(packet, field))
        },
        "A field of the MQTT packet that the bytes begin with: its name, or the number of a \
         property.",
        "tcp-request content reject if { req.payload(0,0),mqtt_field_value(connect,username) joe }",
    )
    .arguments("connect|connack,<field>"),
    row(
        "fix_is_valid",
        (BYTES, Bool),
        |_| Ok(Converter::FixIsValid),
        "Whether the bytes begin with a message of the FIX protocol, of versions 4.0 to 4.4 or of \
         FIXT 1.1.",
        "tcp-request content reject unless { req.payload(0,0),fix_is_valid }",
    ),
    row(
        "fix_tag_value",
        (BYTES, Text),
        |arguments| fix_tag(arguments.required("tag")?).map(Converter::FixTag),
        "The value of a tag, which is a name or a number, in the FIX message that the bytes begin \
         with.",
        "use_backend web if { req.payload(0,0),fix_tag_value(SenderCompID) -m str WEB }",
    )
    .arguments("<tag>"),
];

fn mqtt_packet(text: &str) -> Result<MqttPacket, String> {
    match text.to_ascii_lowercase().as_str() {
        "connect" | "1" => Ok(MqttPacket::Connect),
        "connack" | "2" => Ok(MqttPacket::Connack),
        _ => Err(format!("'{text}' is not a packet with known fields: connect or connack")),
    }
}

const CONNECT_FIELDS: [(&str, MqttField); 9] = [
    ("protocol_name", MqttField::ProtocolName),
    ("protocol_version", MqttField::ProtocolVersion),
    ("flags", MqttField::Flags),
    ("keepalive", MqttField::Keepalive),
    ("client_identifier", MqttField::ClientIdentifier),
    ("will_topic", MqttField::WillTopic),
    ("will_payload", MqttField::WillPayload),
    ("username", MqttField::Username),
    ("password", MqttField::Password),
];
const CONNACK_FIELDS: [(&str, MqttField); 3] = [
    ("protocol_version", MqttField::ProtocolVersion),
    ("flags", MqttField::Flags),
    ("reason_code", MqttField::ReasonCode),
];
/// The numbers of properties, those of a will included.
const CONNECT_PROPERTIES: &[u8] = &[1, 2, 3, 8, 9, 17, 21, 22, 23, 24, 25, 33, 34, 39];
const CONNACK_PROPERTIES: &[u8] = &[17, 18, 19, 21, 22, 26, 28, 31, 33, 34, 36, 37, 39, 40, 41, 42];

fn mqtt_field(packet: MqttPacket, text: &str) -> Result<MqttField, String> {
    let (fields, properties) = match packet {
        MqttPacket::Connect => (&CONNECT_FIELDS[..], CONNECT_PROPERTIES),
        MqttPacket::Connack => (&CONNACK_FIELDS[..], CONNACK_PROPERTIES),
    };
    if let Some((_, field)) = fields.iter().find(|(name, _)| *name == text) {
        return Ok(*field);
    }
    match text.parse() {
        Ok(number) if properties.contains(&number) => Ok(MqttField::Property(number)),
        _ => {
            let hint = hint(text, fields.iter().map(|(name, _)| *name));
            Err(format!("this packet has no field '{text}'{hint}"))
        }
    }
}

const FIX_TAGS: [(&str, u32); 6] = [
    ("BeginString", 8),
    ("BodyLength", 9),
    ("MsgType", 35),
    ("SenderCompID", 49),
    ("TargetCompID", 56),
    ("CheckSum", 10),
];

fn fix_tag(text: &str) -> Result<u32, String> {
    let named = FIX_TAGS.iter().find(|(name, _)| *name == text).map(|(_, tag)| *tag);
    named.or_else(|| text.parse().ok().filter(|tag| *tag > 0)).ok_or_else(|| {
        let hint = hint(text, FIX_TAGS.iter().map(|(name, _)| *name));
        format!("'{text}' is not the name or the number of a FIX tag{hint}")
    })
}
