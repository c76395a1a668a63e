package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Origin is the server that an [Egress] leads to, as the tuple of RFC 6454 §4
// whose scheme is https. It is a comparable value; the zero Origin is none. Its
// text is `https://host`, or `https://host:port` unless the port is 443.
type Origin struct {
	Host string // a name or an IP address, in lower case and without brackets
	Port uint16
}

// IsZero reports whether o is no server.
func (o Origin) IsZero() bool { return o == Origin{} }

// Authority returns host:port as it stands in a URL (RFC 3986 §3.2), without a
// port of 443.
func (o Origin) Authority() string {
	switch {
	case o.Port != 443:
		return net.JoinHostPort(o.Host, strconv.Itoa(int(o.Port)))
	case strings.Contains(o.Host, ":"):
		return "[" + o.Host + "]"
	}
	return o.Host
}

// String returns the text that UnmarshalText reads.
func (o Origin) String() string {
	if o.IsZero() {
		return ""
	}
	return "https://" + o.Authority()
}

// MarshalText implements [encoding.TextMarshaler].
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. A missing port means 443.
// Its error names the fix and never repeats userinfo.
func (o *Origin) UnmarshalText(text []byte) error {
	const fix = "write it as https://api.partner.example or https://api.partner.example:8443"
	p, err := parseURL(text, fix)
	if err != nil {
		return err
	}
	switch {
	case p.Scheme == "http":
		return errors.New("is http, but the way to the partner is always mutual TLS; write https, and let the application itself call what wants no certificate")
	case p.Scheme != "https" || p.Opaque != "":
		return fmt.Errorf("%s is not the address of a partner; "+fix, quote(string(text)))
	case p.RawQuery != "" || p.ForceQuery || strings.Contains(string(text), "#"):
		return errors.New("has a query or fragment; remove that, requests keep their own")
	case strings.Trim(p.Path, "/") != "":
		return errors.New("has a path; remove it, requests keep their own, and allowPaths says which are allowed")
	}
	return o.setHost(p)
}

func (o *Origin) setHost(p *url.URL) error {
	host := strings.ToLower(p.Hostname())
	_, port, err := portOf(p, "443")
	if err != nil {
		return err
	}
	if !isServerName(trimRoot(host)) {
		return fmt.Errorf("has the host %s, which is neither an IP address nor a host name", quote(host))
	}
	if endsInNumber(trimRoot(host)) {
		return fmt.Errorf("has the host %s, which some programs read as an IPv4 address; write an address as four decimal numbers, as in 192.0.2.7", quote(host))
	}
	*o = Origin{host, port}
	return nil
}

// endsInNumber reports whether host is no IP address, but its last label a number:
// 127.1 and 0x7f000001 are 127.0.0.1 to many a resolver, and to browsers (WHATWG URL,
// "ends in a number").
func endsInNumber(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// trimRoot removes the final dot of a host name that is spelled out down to the
// root. Resolvers need it where search lists are long, as in a pod.
func trimRoot(host string) string { return strings.TrimSuffix(host, ".") }

// isServerName reports whether s can stand in a server's certificate: a host name
// without a final dot, or an IP address without a zone.
func isServerName(s string) bool {
	if ip, err := netip.ParseAddr(s); err == nil {
		return ip.Zone() == ""
	}
	return isHostName(s) && !strings.HasSuffix(s, ".")
}
