package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// parseTarget reads what the user wants to call: an https URL, or HOST:PORT. No
// error quotes what stands before an @: it may be a password.
func parseTarget(s string) (*url.URL, error) {
	scheme, rest, hasScheme := strings.Cut(s, "://")
	if !hasScheme {
		scheme, rest = "https", s
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority = rest[:i]
	}
	switch {
	case strings.Contains(authority, "@"):
		return nil, errors.New("the URL has a user name or password before an @, which is never sent; leave it out")
	case strings.EqualFold(scheme, "http"):
		return nil, fmt.Errorf("%q is plain HTTP, where there is no certificate to look at; write https://", s)
	case !strings.EqualFold(scheme, "https"):
		return nil, fmt.Errorf("%q is neither an https URL nor HOST:PORT", s)
	case strings.Count(authority, ":") > 1 && !strings.HasPrefix(authority, "["):
		return nil, fmt.Errorf("%q: an IPv6 address stands in brackets: [::1]:8443", s)
	}
	u, err := url.Parse("https://" + rest)
	if err != nil {
		if wrong, ok := errors.AsType[*url.Error](err); ok {
			err = wrong.Err
		}
		return nil, fmt.Errorf("%q is not a URL: %w", s, err)
	}
	if err := checkHost(u.Hostname()); err != nil {
		return nil, fmt.Errorf("%q: %w", s, err)
	}
	if u.Port() != "" && !isPort(u.Port()) {
		return nil, fmt.Errorf("%q: the port is not between 1 and 65535", s)
	}
	u.Host = strings.TrimSuffix(u.Host, ":")
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// checkHost says what is wrong with a name that is to be called.
func checkHost(host string) error {
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if host == "" {
		return errors.New("the host is missing")
	}
	for _, c := range host {
		switch {
		case c >= 0x80:
			return fmt.Errorf("the host %q is not ASCII; certificates and DNS have its A-label, which begins with xn-- (RFC 5890): write that", host)
		case !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._", c):
			return fmt.Errorf("the host %q has the character %q, which no name has", host, c)
		}
	}
	return nil
}

// checkAddress says what is wrong with ADDR:PORT.
func checkAddress(s string) error {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" || !isPort(port) {
		return fmt.Errorf("%q is not ADDR:PORT, such as 192.0.2.1:8443 or [2001:db8::1]:8443", s)
	}
	return checkHost(host)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// addressOf returns host and port of u for a connection.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
