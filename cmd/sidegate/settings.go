package main

import (
	"net/url"

	"github.com/sidegate/sidegate/proxy"
	"github.com/sidegate/sidegate/proxy/certs"
	"github.com/sidegate/sidegate/proxy/config"
)

// A plan is one ingress of the configuration in the terms of the packages that
// carry it out: which files prove who is who, and what to do with requests.
type plan struct {
	source
	settings *proxy.Settings
}

// planOf translates a validated ingress. Whatever may be configured has to
// arrive in the plan; a test walks through all fields to see that it does.
func planOf(in *config.Ingress, log config.Log) plan {
	return plan{
		source: source{
			files:     certs.Files{Certificate: in.Certificate, Key: in.Key, CA: in.ClientCA, CRL: in.CRL},
			usage:     usageOf(in.ClientCertificateUsage),
			crlPolicy: crlPolicyOf(in.CRLPolicy),
			crlGrace:  in.CRLGrace,
		},
		settings: &proxy.Settings{
			Upstream:               urlOf(in.Upstream),
			UpstreamTimeout:        in.UpstreamTimeout,
			UpstreamConnectTimeout: in.UpstreamConnectTimeout,
			Policy:                 in.Policy,
			Headers:                headersOf(in.Headers),
			HTTP2:                  in.OffersHTTP2(),
			WebSocket:              in.WebSocket,
			CAHints:                in.ClientCAHints,
			MinTLSVersion:          uint16(in.MinTLSVersion),
			ProxyProtocol:          in.ProxyProtocol.From,
			Limits:                 limitsOf(in.Limits),
			WithdrawalGrace:        in.WithdrawalGrace,
			LogRequests:            log.Requests,
		},
	}
}

// usageOf is strict for whatever it does not know.
func usageOf(u config.Usage) certs.Usage {
	if u == config.ClientOrServer {
		return certs.ClientOrServer
	}
	return certs.ClientAuth
}

// crlPolicyOf is strict for whatever it does not know, too.
func crlPolicyOf(p config.CRLPolicy) certs.CRLPolicy {
	if p == config.CRLWhenAvailable {
		return certs.CRLWhenAvailable
	}
	return certs.CRLStrict
}

func urlOf(u config.Upstream) *url.URL {
	if u.Scheme == config.Unix {
		return &url.URL{Scheme: string(u.Scheme), Path: u.Address}
	}
	return &url.URL{Scheme: string(u.Scheme), Host: u.Address}
}

// headersOf relies on both packages spelling dialects and values alike, which
// a test asserts; [proxy.Settings.Check] refuses what it does not know.
func headersOf(hs []config.Header) []proxy.Header {
	var out []proxy.Header
	for _, h := range hs {
		out = append(out, proxy.Header{Dialect: proxy.Dialect(h.Dialect), Name: h.Name, Value: proxy.Value(h.Value)})
	}
	return out
}

func limitsOf(l config.Limits) proxy.Limits {
	body := l.BodyBytes
	if body == 0 {
		body = -1 // to an operator 0 is "no limit"; to proxy it is "the default"
	}
	return proxy.Limits{
		HandshakeTimeout: l.HandshakeTimeout,
		HeaderTimeout:    l.HeaderTimeout,
		HeaderBytes:      l.HeaderBytes,
		BodyBytes:        body,
		BodyIdleTimeout:  l.BodyIdleTimeout,
		IdleTimeout:      l.IdleTimeout,
		MaxConnections:   l.MaxConnections,
		MaxStreams:       l.MaxStreams,
		MaxRequests:      l.MaxRequests,
	}
}
