package config

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Upstream is the address of an application. It is a comparable value; the zero
// Upstream is none. Its text is `http://host:port`, `h2c://host:port` or
// `unix:///path`.
type Upstream struct {
	Scheme  Scheme
	Address string // host:port, or the absolute path of the socket
}

// Scheme says how an application is spoken to.
type Scheme string

// The schemes.
const (
	HTTP Scheme = "http" // HTTP/1.1 over TCP
	H2C  Scheme = "h2c"  // HTTP/2 with prior knowledge over TCP (RFC 9113 §3.3)
	Unix Scheme = "unix" // HTTP/1.1 over a Unix domain socket
)

// IsZero reports whether u is no address.
func (u Upstream) IsZero() bool { return u == Upstream{} }

// String returns the text that UnmarshalText reads.
func (u Upstream) String() string {
	if u.IsZero() {
		return ""
	}
	return string(u.Scheme) + "://" + u.Address
}

// MarshalText implements [encoding.TextMarshaler].
func (u Upstream) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. A missing port means 80.
// Its error names the fix and never repeats userinfo.
func (u *Upstream) UnmarshalText(text []byte) error {
	const fix = "write it as http://127.0.0.1:8080, h2c://127.0.0.1:9000 or unix:///run/app.sock"
	if socket, ok := strings.CutPrefix(string(text), "unix:"); ok {
		return u.setSocket(socket)
	}
	p, err := parseURL(text, fix)
	if err != nil {
		return err
	}
	switch {
	case p.Scheme == "https":
		return errors.New("is https, but the application is reached in plaintext on loopback; use http or h2c")
	case p.RawQuery != "" || p.ForceQuery || strings.Contains(string(text), "#"):
		return errors.New("has a query or fragment; remove that, requests keep their own")
	case Scheme(p.Scheme) != HTTP && Scheme(p.Scheme) != H2C:
		return fmt.Errorf("%s is not an address of an application; "+fix, quote(string(text)))
	case strings.Trim(p.Path, "/") != "":
		return errors.New("has a path; remove it, requests keep their own")
	}
	return u.setHost(p)
}

// parseURL parses an address, in which there must be no userinfo. Its error says
// fix, and repeats nothing of the text.
func parseURL(text []byte, fix string) (*url.URL, error) {
	p, err := url.Parse(string(text))
	switch {
	case err != nil:
		return nil, errors.New("is not a URL; " + fix)
	case p.User != nil:
		return nil, errors.New("has a user name or password in it; remove that")
	}
	return p, nil
}

// setSocket takes the path as it is: file names know no percent-encoding.
func (u *Upstream) setSocket(rest string) error {
	path, ok := strings.CutPrefix(rest, "//")
	if !ok || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#") || strings.ContainsFunc(path, isControl) {
		return errors.New("is not the absolute path of a socket; write it with three slashes, as unix:///run/app.sock")
	}
	*u = Upstream{Unix, path}
	return nil
}

// portOf returns the port of an address as it is written, or the one that a missing
// one means, and its number.
func portOf(p *url.URL, missing string) (text string, number uint16, err error) {
	text = cmp.Or(p.Port(), missing)
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("has the port %s; a port is 1 to 65535", quote(text))
	}
	return text, uint16(n), nil
}

func (u *Upstream) setHost(p *url.URL) error {
	host := strings.ToLower(p.Hostname())
	port, _, err := portOf(p, "80")
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return fmt.Errorf("has the host %s, which is neither an IP address nor a host name", quote(host))
	}
	*u = Upstream{Scheme(p.Scheme), net.JoinHostPort(host, port)}
	return nil
}

// Local reports whether u cannot leave the pod: a socket, or a loopback address.
func (u Upstream) Local() bool {
	if u.Scheme == Unix {
		return true
	}
	host, _, err := net.SplitHostPort(u.Address)
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// isHostName reports whether s is a host name (RFC 1123 §2.1). An underscore is
// let pass, because names with one exist in spite of the standard.
func isHostName(s string) bool {
	for _, label := range strings.Split(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, hostLetters) != "" {
			return false
		}
	}
	return len(s) <= 253
}

const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// TLSVersion is a version of TLS, numbered as crypto/tls does.
type TLSVersion uint16

// String returns "1.2" or "1.3".
func (t TLSVersion) String() string {
	switch t {
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS13:
		return "1.3"
	}
	return fmt.Sprintf("%#04x", uint16(t))
}

// Choices returns the versions that are accepted.
func (TLSVersion) Choices() []string { return []string{"1.2", "1.3"} }

// MarshalText implements [encoding.TextMarshaler].
func (t TLSVersion) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *TLSVersion) UnmarshalText(text []byte) error {
	switch string(text) {
	case "1.2":
		*t = tls.VersionTLS12
	case "1.3":
		*t = tls.VersionTLS13
	default:
		return fmt.Errorf("%s is not a TLS version that is spoken here; write \"1.2\" or \"1.3\"", quote(string(text)))
	}
	return nil
}

// SHA256 is a digest of 32 bytes. Its text is lower-case hex.
type SHA256 [32]byte

// String returns lower-case hex.
func (d SHA256) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements [encoding.TextMarshaler].
func (d SHA256) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. It reads hex in either
// case, with or without colons, and base64 (RFC 4648 §4 and §5), padded or not.
// Hex is 64 digits and base64 is 43, so that no text is both.
func (d *SHA256) UnmarshalText(text []byte) error {
	s := strings.ReplaceAll(string(text), ":", "")
	b, err := hex.DecodeString(s)
	if err != nil {
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
		b, err = base64.RawStdEncoding.Strict().DecodeString(plain)
	}
	if err != nil || len(b) != len(d) {
		return fmt.Errorf("%s is not a SHA-256 digest; write its 32 bytes as 64 hex digits (colons are fine) or as base64", quote(string(text)))
	}
	*d = SHA256(b)
	return nil
}
