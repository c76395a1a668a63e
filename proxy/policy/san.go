package policy

import (
	"net/netip"
	"strings"
)

// SAN are conditions on the subject alternative names: of each kind that lists
// any, the certificate must carry at least one of the listed names. Kinds are
// never compared with one another.
type SAN struct {
	DNS   []string     // ASCII case is ignored; "*" is an ordinary character
	URI   []string     // byte for byte
	Email []string     // the local part byte for byte, the domain as DNS
	IP    []netip.Addr // an IPv4-mapped IPv6 address is the IPv4 address
}

func (s *SAN) empty() bool {
	return len(s.DNS) == 0 && len(s.URI) == 0 && len(s.Email) == 0 && len(s.IP) == 0
}

func (s *SAN) met(c *Client) bool {
	return anyOf(s.DNS, c.DNSNames, equalDNS) &&
		anyOf(s.URI, c.URIs, equalURI) &&
		anyOf(s.Email, c.Emails, equalEmail) &&
		anyOf(s.IP, c.IPs, equalIP)
}

// anyOf reports whether some wanted name equals some name we have, or none is wanted.
func anyOf[N any](wanted, have []N, equal func(wanted, have N) bool) bool {
	for _, w := range wanted {
		for _, h := range have {
			if equal(w, h) {
				return true
			}
		}
	}
	return len(wanted) == 0
}

func equalDNS(a, b string) bool { return a != "" && equalFoldASCII(a, b) }

func equalURI(a, b string) bool { return a != "" && a == b }

// equalEmail follows RFC 5280 §7.5: the local part is case-sensitive, the host
// part is not. The last "@" divides them, for a quoted local part may have one.
func equalEmail(a, b string) bool {
	i, j := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	return i > 0 && i == j && a[:i] == b[:j] && equalDNS(a[i+1:], b[j+1:])
}

func equalIP(a, b netip.Addr) bool { return a.IsValid() && a.Unmap() == b.Unmap() }

// equalFoldASCII is not [strings.EqualFold], for which U+212A KELVIN SIGN is a "k".
func equalFoldASCII(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerASCII(a[i]) != lowerASCII(b[i]) {
			return false
		}
	}
	return true
}

func lowerASCII(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}
