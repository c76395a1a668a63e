package partner

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// A registration asks for a webhook to be sent to a URL.
type registration struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// A delivery is what became of a webhook.
type delivery struct {
	Status int      `json:"status"`
	Answer []string `json:"answer"` // its lines
}

// webhooks call the receivers, with the partner's client certificate.
type webhooks struct{ client *http.Client }

// newWebhooks returns the sender that presents cert and trusts the authority.
func newWebhooks(a *authority, cert tls.Certificate) *webhooks {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: loopbackOnly}
	return &webhooks{client: &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DialContext:       dialer.DialContext,
			DisableKeepAlives: true, // each delivery shows the certificates of its moment
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12,
				RootCAs:    a.pool(),
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &cert, nil
				},
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// loopbackOnly keeps a rehearsal on the machine, whatever a name resolves to.
func loopbackOnly(_, address string, _ syscall.RawConn) error {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return errors.New("a rehearsal calls addresses of this machine's loopback only")
	}
	return nil
}

// deliver sends one event, and returns the answer, which is the receiver's
// whatever its status. The error says why there is none.
func (h *webhooks) deliver(ctx context.Context, to registration) (delivery, error) {
	u, err := url.Parse(to.URL)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "":
		return delivery{}, fmt.Errorf("the url %q is not one such as https://localhost:8443/webhook", to.URL)
	case u.Path == "":
		u.Path = "/"
	}
	event, err := json.Marshal(map[string]any{"type": to.Type, "rehearsal": true})
	if err != nil {
		return delivery{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(event))
	if err != nil {
		return delivery{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := h.client.Do(request)
	if err != nil {
		return delivery{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRequest))
	if err != nil {
		return delivery{}, fmt.Errorf("read the answer: %w", err)
	}
	return delivery{response.StatusCode, strings.Split(strings.TrimSpace(string(text)), "\n")}, nil
}
