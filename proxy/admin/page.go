package admin

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // page.css
	"encoding/base64"
	"fmt"
	"html"
	"time"
)

//go:embed page.css
var pageCSS string

// styleHash lets the page's own style pass its Content-Security-Policy (CSP
// Level 3 §2.3.1), and no other.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(pageCSS))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// markup is HTML of our own. Constants become it by themselves; text from
// outside would need a conversion, which has no business in these files.
type markup string

// A page is the status page while it is written, without html/template: that
// makes the linker keep every exported method in the binary, more than a megabyte
// of memory in every pod (docs/decisions/0006).
type page struct {
	bytes.Buffer
	now time.Time
}

// put writes format with values in it, as fmt does. Whatever is not markup is
// made visible and escaped, for text and for attributes in double quotes; there
// is no other place for values in the page.
func (p *page) put(format markup, values ...any) {
	safe := make([]any, len(values))
	for i, v := range values {
		if m, ours := v.(markup); ours {
			safe[i] = string(m)
		} else {
			safe[i] = html.EscapeString(visible(fmt.Sprint(v)))
		}
	}
	fmt.Fprintf(p, string(format), safe...)
}

// time returns a moment for people and for machines.
func (p *page) time(t time.Time) markup {
	return markup(`<time datetime="` + t.Format(time.RFC3339) + `">` + utc(t) + `</time>`)
}

// ago returns a moment and how far away it is.
func (p *page) ago(t time.Time) markup {
	return p.time(t) + ", " + markup(relative(p.now, t))
}

// renderPage returns the page, which loads itself again every ten seconds if
// refresh is true.
func renderPage(r *Report, refresh bool) []byte {
	p := &page{now: r.Now}
	p.head(r, refresh)
	p.verdict(&r.Verdict)
	for i := range r.Ingress {
		p.ingress(i, &r.Ingress[i])
	}
	for i := range r.Egress {
		p.egress(len(r.Ingress)+i, &r.Egress[i])
	}
	p.foot(r)
	return p.Bytes()
}

func (p *page) head(r *Report, refresh bool) {
	meta, link := markup(""), markup(`<a href="/">Refresh every 10 s</a>`)
	if refresh {
		meta, link = `<meta http-equiv="refresh" content="10">`, `<a href="/?refresh=off">Hold still</a>`
	}
	p.put(`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
%s
<title>%s · Sidegate</title>
<style>%s</style>
</head>
<body>
<header class="bar">
  <p class="brand">Sidegate <span class="muted">%s</span></p>
  <p class="muted">%s</p>
  <nav aria-label="This page">
    %s
    <a href="/status.json">JSON</a>
  </nav>
</header>
<main>
`, meta, r.Verdict.Text, markup(pageCSS), r.Version, p.time(r.Now), link)
}

func (p *page) verdict(v *Verdict) {
	p.put(`
<section class="verdict %s" aria-labelledby="verdict">
  <h1 id="verdict">%s</h1>
`, v.Level, v.Text)
	if len(v.Findings) > 0 {
		p.put("  <ul>\n")
		for i := range v.Findings {
			p.finding(&v.Findings[i])
		}
		p.put("  </ul>\n")
	}
	p.put("</section>\n")
}

func (p *page) finding(f *Finding) {
	p.put(`    <li class="%s">`, f.Level)
	if listener := f.Ingress + f.Egress; listener != "" || f.File != "" { // one of the two is empty
		p.put(`<p class="where">`)
		if listener != "" {
			p.put(`<span>%s</span> `, listener)
		}
		if f.File != "" {
			p.put(`<code>%s</code>`, f.File)
		}
		p.put("</p>\n")
	}
	p.put(`      <p class="problem">%s</p>`+"\n", f.Problem)
	if f.Fix != "" {
		p.put(`      <p class="fix"><b>To mend it:</b> %s</p>`+"\n", f.Fix)
	}
	if !f.Since.IsZero() {
		p.put(`      <p class="muted small">since %s</p>`+"\n", p.ago(f.Since))
	}
	p.put("    </li>\n")
}

func (p *page) foot(r *Report) {
	p.put("\n</main>\n<footer class=\"muted small\">\n  <p>")
	if r.ConfigFile != "" {
		p.put("<code>%s</code>", r.ConfigFile)
	} else {
		p.put("Configured by flags")
	}
	if !r.ConfigLoaded.IsZero() {
		p.put(", in use since %s", p.ago(r.ConfigLoaded))
	}
	p.put("</p>\n  <p>")
	if !r.Started.IsZero() {
		p.put("Started %s; ", p.ago(r.Started))
	}
	p.put("built with %s</p>\n</footer>\n</body>\n</html>\n", r.GoVersion)
}
