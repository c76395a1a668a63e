package probe

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Bounds of an answer.
const (
	maxHead    = 64 << 10
	maxBody    = 4 << 10
	maxLine    = 200
	maxInterim = 5 // responses 1xx before the final one
)

// ask sends one request and tells of the answer.
func (r *run) ask(ctx context.Context, c *tls.Conn) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.o.Method, http.MethodGet), r.url.String(), nil)
	if err != nil {
		r.find(Error, "request", "no request could be made: "+shown(err.Error(), maxShown), "write the URL in another way")
		return
	}
	req.Header.Set("User-Agent", "sidegate-probe")
	send := sendHTTP1
	if c.ConnectionState().NegotiatedProtocol == "h2" {
		send = sendHTTP2
	}
	res, err := send(c, req)
	if err != nil {
		r.unanswered(err)
		return
	}
	defer res.Body.Close()
	r.accept()
	r.answered(res)
}

// sendHTTP1 writes req and reads the answer to it. A server that refuses our
// certificate may hang up while we write, so what it said before is read in any
// case.
func sendHTTP1(c *tls.Conn, req *http.Request) (*http.Response, error) {
	req.Close = true
	wrong := req.Write(c)
	from := &bounded{from: c, left: maxHead + maxBody}
	in := bufio.NewReader(from)
	for range maxInterim {
		res, err := http.ReadResponse(in, req)
		switch {
		case err == nil && res.StatusCode/100 == 1 && res.StatusCode != http.StatusSwitchingProtocols:
			continue
		case err != nil && wrong != nil && !isAlert(err):
			return nil, wrong
		case err != nil && from.end != nil && strings.HasPrefix(string(from.head), "HTTP/"):
			return nil, from.end // half a line is malformed, but why it is half a line counts
		}
		if err == nil { // closing it would read all of it, for as long as the server likes
			res.Body = io.NopCloser(res.Body)
		}
		return res, err
	}
	return nil, errors.New("there is no end of interim responses")
}

var errTooLong = fmt.Errorf("it is longer than %d KiB", maxHead>>10)

// bounded is an [io.LimitReader] that does not take its bound for the end. It
// remembers how the reading began and what ended it.
type bounded struct {
	from io.Reader
	left int
	head []byte
	end  error
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	b.head = append(b.head, p[:min(n, max(0, len("HTTP/")-len(b.head)))]...)
	b.end = err
	return n, err
}

func isAlert(err error) bool {
	_, is := alertOf(err)
	return is
}

// endedEarly is all that net/http says of a connection that ended before the
// request was written.
const endedEarly = "http2: client conn could not be established"

// sendHTTP2 does the same over HTTP/2, with the connection that there is and once:
// the transport would answer a GOAWAY with another connection.
func sendHTTP2(c *tls.Conn, req *http.Request) (*http.Response, error) {
	once := make(chan net.Conn, 1)
	once <- c
	t := &http.Transport{
		DialTLSContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case c := <-once:
				return c, nil
			default:
				return nil, io.ErrUnexpectedEOF
			}
		},
		Protocols:              new(http.Protocols),
		MaxResponseHeaderBytes: maxHead,
		DisableCompression:     true,
	}
	t.Protocols.SetHTTP2(true)
	res, err := t.RoundTrip(req)
	if err == nil {
		return res, nil
	}
	// The transport may have met the end before the request, and forgotten why.
	_ = c.SetReadDeadline(time.Now())
	if _, last := c.Read(make([]byte, 1)); isAlert(last) {
		return nil, last
	}
	if err.Error() == endedEarly {
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// unanswered says why there is no answer.
func (r *run) unanswered(err error) {
	_, isNotTLS := errors.AsType[tls.RecordHeaderError](err)
	_, isNetwork := errors.AsType[*net.OpError](err)
	if isNetwork || isNotTLS || isTimeout(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		r.broken(err, nil, "after the request")
		return
	}
	r.accept() // it sent something
	r.find(Error, "not-http", "the answer is not HTTP: "+shown(err.Error(), maxShown), "check the port: TLS is fine there, but another protocol is spoken in it")
}

// answered tells of the answer.
func (r *run) answered(res *http.Response) {
	r.HTTP = &HTTP{
		Status:   shown(res.Proto+" "+res.Status, maxShown),
		Code:     res.StatusCode,
		Location: shown(res.Header.Get("Location"), maxShown),
	}
	if res.StatusCode < 400 {
		return
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody)) // what there is of it
	line := firstLine(string(body))
	r.HTTP.Body = shown(line, maxLine)
	switch m := refusalLine.FindStringSubmatch(line); {
	case m != nil && sidegateWords[m[1]].means != "":
		r.refusedBySidegate(m[1])
	case strings.Contains(line, "No required SSL certificate was sent"): // nginx says so in HTTP, as 400
		r.find(Error, "certificate-required", "the server wants a client certificate and got none (it says so in HTTP)", presentOne)
	case strings.Contains(line, "The SSL certificate error") && r.ours.presented():
		r.ClientAuth.Verdict = VerdictRefused
		r.find(Error, "certificate-refused", "the server refused our certificate (it says so in HTTP)", r.sendToPartner())
	default:
		r.status(res.StatusCode)
	}
}

var tags = regexp.MustCompile(`(?s)<(style|script)\b.*?</(style|script)>|<[^<>]*>`)

// firstLine returns the first line of a body that has text, without HTML.
func firstLine(body string) string {
	for line := range strings.Lines(tags.ReplaceAllString(body, "")) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// refusalLine is how Sidegate answers a request that it refuses.
var refusalLine = regexp.MustCompile(`^[45][0-9]{2} [A-Za-z ]+: ([a-z0-9-]+)$`)

// refusedBySidegate explains a reason word. What is about us, and not about the
// request, will be the same for every request.
func (r *run) refusedBySidegate(word string) {
	known := sidegateWords[word]
	r.HTTP.Reason = word
	severity := Note
	if known.us {
		severity = Error
	}
	fix := known.do
	if known.us && r.ours.presented() {
		fix += "; our Subject is " + r.ours.holder
	}
	r.find(severity, fmt.Sprintf("http-%d", r.HTTP.Code), fmt.Sprintf("the Sidegate there says %s: %s", word, known.means), fix)
}

// status is a note on the status of an answer that says no more.
func (r *run) status(code int) {
	word := fmt.Sprintf("http-%d", code)
	switch {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		r.find(Note, word, "TLS is fine, and the application behind it does not let this request in", "it may want other credentials, another path, or our Subject on a list of its own: ask the partner")
	case code >= 500:
		r.find(Note, word, "TLS is fine, and what is behind it failed", "tell the partner")
	}
}
