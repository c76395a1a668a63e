package probe

import (
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
)

// An alert is a TLS alert from the server (RFC 8446 §6).
type alert uint8

// The alerts that are about a certificate of ours, or about none.
const (
	handshakeFailure    alert = 40
	badCertificate      alert = 42
	protocolVersion     alert = 70
	certificateRequired alert = 116
	noProtocol          alert = 120
)

// alerts are the names by which RFC 8446 §6 calls them, and what each means.
var alerts = map[alert][2]string{
	10:                  {"unexpected_message", "the server did not expect the message: it may not speak TLS as we do"},
	20:                  {"bad_record_mac", "what it received was damaged on the way"},
	22:                  {"record_overflow", "a record was too long for it"},
	handshakeFailure:    {"handshake_failure", "the two sides have no parameters in common, or, with TLS 1.2, the server wants a certificate that it did not get"},
	badCertificate:      {"bad_certificate", "the certificate is not good for the server: it does not verify, or is not on its list; many servers give this one for every reason"},
	43:                  {"unsupported_certificate", "the certificate is of a kind that the server does not take, such as one without clientAuth among its extended key usages"},
	44:                  {"certificate_revoked", "the certificate was revoked by its CA"},
	45:                  {"certificate_expired", "the certificate has expired, or the clock of the server is wrong"},
	46:                  {"certificate_unknown", "the certificate is not accepted, for a reason that is not told"},
	47:                  {"illegal_parameter", "the server found something in the handshake inconsistent"},
	48:                  {"unknown_ca", "the server does not trust the CA of the certificate, or misses an intermediate"},
	49:                  {"access_denied", "the certificate is valid, and its holder may not come in"},
	50:                  {"decode_error", "the server could not read a message"},
	51:                  {"decrypt_error", "a signature or key did not verify: the certificate and the key may not be a pair for the server"},
	protocolVersion:     {"protocol_version", "the server speaks neither TLS 1.2 nor TLS 1.3"},
	71:                  {"insufficient_security", "the server wants stronger ciphers"},
	80:                  {"internal_error", "the server failed: its log tells more"},
	86:                  {"inappropriate_fallback", "the server takes the connection for a downgrade"},
	90:                  {"user_canceled", "the server gave up"},
	109:                 {"missing_extension", "the server misses an extension in our hello"},
	110:                 {"unsupported_extension", "the server does not take an extension of ours"},
	112:                 {"unrecognized_name", "the server has no certificate for the name that it was called by"},
	certificateRequired: {"certificate_required", "the server wants a client certificate and got none"},
	noProtocol:          {"no_application_protocol", "the server speaks none of the protocols offered"},
}

// name returns the name of a as the standard has it.
func (a alert) name() string {
	if known, ok := alerts[a]; ok {
		return known[0]
	}
	return fmt.Sprintf("alert_%d", uint8(a))
}

func (a alert) meaning() string {
	if known, ok := alerts[a]; ok {
		return known[1]
	}
	return "no standard explains it"
}

// word is the word of a finding about a, such as alert-internal-error.
func (a alert) word() string {
	return "alert-" + strings.ReplaceAll(strings.TrimPrefix(a.name(), "alert_"), "_", "-")
}

// refusesCertificate reports whether a is about a certificate that was presented.
func (a alert) refusesCertificate() bool { return a >= badCertificate && a <= 49 && a != 47 }

// alertOf returns the alert that the server ended the connection with, if err is
// one. What crypto/tls puts into a "remote error" is a number of an unexported
// type; the only other way to it would be its text.
func alertOf(err error) (alert, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return alert(v.Uint()), true
}
