package csr

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Names are subject alternative names (RFC 5280 §4.2.1.6) as a person writes
// them.
type Names struct {
	DNS   []string // host names, or "*." and a host name
	IP    []string // addresses, IPv4 or IPv6
	Email []string // mailboxes without a display name
	URI   []string // absolute URIs
}

func (n Names) none() bool {
	return len(n.DNS)+len(n.IP)+len(n.Email)+len(n.URI) == 0
}

// altNames are Names that were understood.
type altNames struct {
	dns   []string
	ip    []net.IP
	email []string
	uri   []*url.URL
	other int // names of other kinds, which only a current certificate has
}

func (n altNames) none() bool {
	return len(n.dns)+len(n.ip)+len(n.email)+len(n.uri)+n.other == 0
}

// has reports whether name is among the DNS names, or among those of their
// kind that a CN may repeat.
func (n altNames) has(name string) bool {
	same := func(other string) bool { return strings.EqualFold(name, other) }
	isIP := func(ip net.IP) bool { return ip.String() == name }
	return slices.ContainsFunc(n.dns, same) || slices.ContainsFunc(n.ip, isIP) || slices.ContainsFunc(n.email, same)
}

// understand reads names; it joins an error for each that no certificate may
// have. A name that is given twice is taken once.
func (n Names) understand() (altNames, error) {
	var out altNames
	var errs []error
	for _, name := range n.DNS {
		if problem := misfitDNS(name); problem != "" {
			errs = append(errs, fmt.Errorf("--dns %s: %s", quote(name), problem))
		} else if !out.has(name) {
			out.dns = append(out.dns, name)
		}
	}
	for _, text := range n.IP {
		ip, problem := parseIP(text)
		if problem != "" {
			errs = append(errs, fmt.Errorf("--ip %s: %s", quote(text), problem))
		} else if !slices.ContainsFunc(out.ip, ip.Equal) {
			out.ip = append(out.ip, ip)
		}
	}
	for _, mailbox := range n.Email {
		if problem := misfitEmail(mailbox); problem != "" {
			errs = append(errs, fmt.Errorf("--email %s: %s", quote(mailbox), problem))
		} else if !slices.Contains(out.email, mailbox) {
			out.email = append(out.email, mailbox)
		}
	}
	seen := map[string]bool{}
	for _, text := range n.URI {
		uri, problem := parseURI(text)
		if problem != "" {
			errs = append(errs, fmt.Errorf("--uri %s: %s", quote(text), problem))
		} else if !seen[text] {
			seen[text], out.uri = true, append(out.uri, uri)
		}
	}
	return out, errors.Join(errs...)
}

// misfitDNS says why name is not a DNS name of a certificate, and what to
// write; it is empty for one that is.
func misfitDNS(name string) string {
	host, wildcard := strings.CutPrefix(name, "*.")
	if problem := notAHost(name); problem != "" {
		return problem
	}
	if problem := misfitHost(host); problem != "" {
		return problem
	}
	if wildcard && !strings.Contains(host, ".") {
		return "clients match no wildcard right below a top-level name; write a longer name behind the *"
	}
	return ""
}

// notAHost tells apart what people write where a name is wanted.
func notAHost(text string) string {
	host, port, err := net.SplitHostPort(text)
	_, ipErr := netip.ParseAddr(strings.Trim(text, "[]"))
	switch {
	case text == "":
		return "it is empty; write a host name"
	case ipErr == nil:
		return "it is an IP address; write --ip " + strings.Trim(text, "[]")
	case strings.ContainsFunc(text, notASCII):
		return "it is not ASCII; write the A-label of the name, which begins with xn-- (RFC 5890); its registrar shows it"
	case strings.Contains(text, "://"):
		return "it is a URL; write the host name alone, without scheme, port and path"
	case strings.ContainsAny(text, ", \t"):
		return "it is more than one name; write --dns before each"
	case strings.Contains(text, "@"):
		return "it is a mailbox; write --email, or the host name alone"
	case err == nil && host != "" && port != "":
		return "a certificate holds for every port; write " + quote(host)
	case strings.Contains(text, "/"):
		return "it has a path; write the host name alone"
	}
	return ""
}

// misfitHost says why host is not a name of letters, digits and hyphens (RFC
// 1034 §3.5, RFC 1123 §2.1), which is what RFC 5280 §4.2.1.6 wants.
func misfitHost(host string) string {
	switch {
	case strings.HasSuffix(host, "."):
		return "in a certificate no dot stands at the end; write it without"
	case strings.Contains(host, "*"):
		return "a wildcard is the whole first label; write it like *.example.com"
	case len(host) > 253:
		return fmt.Sprintf("it has %d characters, and 253 is the limit of a DNS name", len(host))
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return "two dots, or one at the start, leave a label empty; write letters, digits or hyphens between dots"
		case len(label) > 63:
			return fmt.Sprintf("a label has %d characters, and 63 is the limit", len(label))
		case strings.ContainsFunc(label, notLDH):
			return "it may have letters, digits, hyphens and dots alone (no underscore); no CA issues another name"
		case label[0] == '-' || label[len(label)-1] == '-':
			return "no label begins or ends with a hyphen"
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "its last label is a number, so that clients take it for an IP address; write a host name, or --ip and the whole address"
	}
	return ""
}

func notLDH(r rune) bool { return r != '-' && !isAlphanumeric(r) }

func isAlphanumeric(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func parseIP(text string) (ip net.IP, problem string) {
	addr, err := netip.ParseAddr(text)
	_, _, cidrErr := net.ParseCIDR(text)
	switch {
	case cidrErr == nil:
		return nil, "it is a range; a certificate names single addresses"
	case err != nil:
		return nil, "it is not an IP address; write one like 192.0.2.1 or 2001:db8::1, and --dns for a host name"
	case addr.Zone() != "":
		return nil, "a zone holds on one machine alone; write the address without %" + quote(addr.Zone())
	case addr.IsUnspecified(), addr.IsMulticast():
		return nil, "no client connects to it; write the address of the server"
	}
	return addr.Unmap().AsSlice(), ""
}

// misfitEmail says why mailbox is not the Mailbox of RFC 5321 §4.1.2 without
// quotes: nobody's mailbox has them.
func misfitEmail(mailbox string) string {
	local, host, found := strings.Cut(mailbox, "@")
	const example = "write it like ops@example.com"
	switch {
	case strings.ContainsFunc(mailbox, notASCII):
		return "it is not ASCII; certificates hold such mailboxes in a form that few CAs issue"
	case !found:
		return "it is not a mailbox; " + example
	case local == "" || len(local) > 64 || strings.ContainsFunc(local, notAtom) || slices.Contains(strings.Split(local, "."), ""):
		return "what stands before the @ is not a mailbox; " + example
	}
	if problem := misfitHost(host); problem != "" {
		return "behind the @: " + problem
	}
	return ""
}

// notAtom reports whether r is neither atext (RFC 5322 §3.2.3) nor a dot.
func notAtom(r rune) bool {
	return notLDH(r) && !strings.ContainsRune("!#$%&'*+/=?^_`{|}~.", r)
}

// parseURI reads an absolute URI in the one spelling that it has in a
// certificate.
func parseURI(text string) (uri *url.URL, problem string) {
	uri, err := url.Parse(text)
	switch {
	case strings.ContainsFunc(text, notASCII):
		return nil, "it is not ASCII; write other characters as %XX (RFC 3986 §2.1)"
	case err != nil:
		return nil, "it is not a URI; write one like spiffe://example.org/service"
	case uri.Scheme == "" || uri.Opaque == "" && uri.Host == "":
		return nil, "it is not absolute; write scheme and host too, like spiffe://example.org/service"
	case uri.User != nil:
		return nil, "it has a user or a password in it, and certificates are public; write it without"
	case uri.String() != text:
		return nil, "it has more than one spelling; write " + quote(uri.String())
	}
	return uri, ""
}
