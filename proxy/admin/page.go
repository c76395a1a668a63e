package admin

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // page.html and page.css
	"encoding/base64"
	"html/template"
	"net"
	"sync"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// styleHash lets the page's own style pass its Content-Security-Policy (CSP
// Level 3 §2.3.1), and no other.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// pageTemplate is parsed at the first look: the memory is for pods whose page is
// looked at.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.html").Funcs(template.FuncMap{
		"count":    count,
		"grouped":  grouped,
		"relative": relative,
		"utc":      utc,
		"visible":  visible,
	}).Parse(pageHTML))
})

// page is what page.html is executed with.
type page struct {
	*Report
	Style   template.CSS
	Refresh bool
}

// renderPage returns the page, which loads itself again every ten seconds if
// refresh is true.
func renderPage(r *Report, refresh bool) ([]byte, error) {
	var b bytes.Buffer
	err := pageTemplate().Execute(&b, page{r, template.CSS(pageCSS), refresh})
	return b.Bytes(), err
}

// A group is several refusals of one client for one reason, of which the newest
// is shown: a client that tries again and again must not hide the others.
type group struct {
	RefusalReport
	Times int
}

// grouped returns the groups in rs, in the order of their newest.
func grouped(rs []RefusalReport) []*group {
	type key struct{ reason, subject, host string }
	var out []*group
	at := make(map[key]*group)
	for _, r := range rs {
		k := key{reason: r.Reason, subject: r.Subject}
		if k.subject == "" {
			k.host = host(r.Remote)
		}
		if at[k] == nil {
			at[k] = &group{RefusalReport: r}
			out = append(out, at[k])
		}
		at[k].Times++
	}
	return out
}

func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}
