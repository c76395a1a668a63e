package http1

import (
	"bytes"
	"net/netip"
)

// checkTarget checks the request target (RFC 9112 §3.2). If it is in absolute form
// it is divided; else all of it is rest. Only one form fits a method.
func checkTarget(method, target []byte) (authority, rest []byte, v *Violation) {
	if at := visible.stray(target); at >= 0 {
		return nil, nil, violation(BadTarget, "the target has the byte %#02x, which must be percent-encoded", target[at])
	}
	if bytes.IndexByte(target, '#') >= 0 {
		return nil, nil, violation(BadTarget, "the target has a fragment")
	}
	switch {
	case string(method) == "CONNECT":
		host, port, ok := cutPort(target)
		if !ok || len(port) == 0 || !validHost(host) {
			return nil, nil, violation(BadTarget, "the target of CONNECT is not host:port")
		}
		return nil, target, nil
	case string(target) == "*":
		if string(method) != "OPTIONS" {
			return nil, nil, violation(BadTarget, "the target is * and the method not OPTIONS")
		}
		return nil, target, nil
	case target[0] == '/':
		return nil, target, checkPath(target)
	}
	return checkAbsolute(target)
}

// checkAbsolute checks a target in absolute form, with the scheme http or https.
func checkAbsolute(target []byte) (authority, path []byte, v *Violation) {
	scheme, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok || !is(scheme, "http") && !is(scheme, "https") {
		return nil, nil, violation(BadTarget, "the target is not a path nor an http or https URI")
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !validAuthority(rest[:end]) {
		return nil, nil, violation(BadTarget, "the target has a malformed authority")
	}
	return rest[:end], rest[end:], checkPath(rest[end:])
}

// checkPath finds percent signs that do not begin a triplet. They have no
// meaning that two readers share. In the query nobody has to decode them.
func checkPath(target []byte) *Violation {
	path, _, _ := bytes.Cut(target, []byte("?"))
	for {
		_, rest, found := bytes.Cut(path, []byte("%"))
		if !found {
			return nil
		}
		if len(rest) < 2 || !hexDigits.all(rest[:2]) {
			return violation(BadTarget, "the target has a percent sign without two hexadecimal digits")
		}
		path = rest[2:]
	}
}

// validAuthority reports whether s is host [ ":" port ] without the parts that
// nobody needs and readers differ on: user information, percent-encoding,
// sub-delimiters, zones and an empty port (RFC 3986 §3.2).
func validAuthority(s []byte) bool {
	host, _, ok := cutPort(s)
	return ok && validHost(host)
}

// cutPort divides an authority. The port is empty if there is no colon.
func cutPort(s []byte) (host, port []byte, ok bool) {
	i := bytes.LastIndexByte(s, ':')
	if i < 0 || i < bytes.LastIndexByte(s, ']') {
		return s, nil, true
	}
	host, port = s[:i], s[i+1:]
	return host, port, len(port) <= 5 && digits.all(port)
}

func validHost(host []byte) bool {
	literal, bracket := bytes.CutPrefix(host, []byte("["))
	if !bracket {
		return hostChars.all(host)
	}
	literal, bracket = bytes.CutSuffix(literal, []byte("]"))
	addr, err := netip.ParseAddr(string(literal))
	return bracket && err == nil && addr.Is6() && addr.Zone() == ""
}
