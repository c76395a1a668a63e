package admin

import "net"

// foldAbove is how many CAs are shown before they are folded.
const foldAbove = 12

// ingress writes the section of one ingress, the certificates to the left and
// the clients to the right. n makes the ids unique.
func (p *page) ingress(n int, in *IngressReport) {
	p.listener(n, "ingress", &in.ListenerReport, "Served certificate")
	p.anchors(n, "Client CAs", "None: no client can pass.", in.Anchors)
	p.crls(n, in)
	p.put("\n  </div>\n  <div>\n")
	p.onTrial(n, in)
	p.refusals(n, in.Refusals)
	p.denies(n, in.Deny)
	p.rules(n, in)
	p.put("\n  </div>\n  </div>\n</section>\n")
}

// listener writes what an ingress and an egress have in common, but for the
// anchors. The caller ends the column, the columns and the section.
func (p *page) listener(n int, kind markup, l *ListenerReport, served markup) {
	p.put(`
<section class="listener" aria-labelledby="%[6]s-%[1]s">
  <header>
    <h2 id="%[6]s-%[1]s">%[2]s</h2>
    <p><code>%[3]s</code> <span class="arrow" role="img" aria-label="forwards to">→</span> <code>%[4]s</code></p>
    <p class="muted">%[6]s, %[5]s</p>
  </header>
  <div class="columns">
  <div>
`, n, l.Name, l.Listen, l.Upstream, count(l.Connections, "connection"), kind)
	p.served(n, served, l)
	p.warnings(n, l.Warnings)
	if len(l.Chain) > 0 {
		p.card(n, "chain", "Chain sent with it")
		p.certificates(l.Chain)
		p.put("  </section>\n")
	}
}

// card begins a section, which the caller ends.
func (p *page) card(n int, kind, title markup) {
	class := markup("card")
	if kind == "warnings" || kind == "report" {
		class = "card warnings"
	}
	p.put(`
  <section class="%s" aria-labelledby="%s-%s">
    <h3 id="%[2]s-%[3]s">%[4]s</h3>
`, class, kind, n, title)
}

func (p *page) served(n int, title markup, l *ListenerReport) {
	p.card(n, "served", title)
	if c := l.Served; c != nil {
		p.put(`    <p class="ends %s">%s</p>
    %s
    <p class="small muted span">%s %s</p>
    <dl>
      <dt>Subject</dt><dd><code>%s</code></dd>
`, c.Level, c.Ends, bar(c), p.time(c.NotBefore), p.time(c.NotAfter), c.Subject)
		if len(c.Names) > 0 {
			p.put("      <dt>Names</dt><dd>")
			for _, name := range c.Names {
				p.put(`<code class="name">%s</code> `, name)
			}
			p.put("</dd>\n")
		}
		p.put(`      <dt>Issuer</dt><dd><code>%s</code></dd>
      <dt>Serial</dt><dd><code>%s</code></dd>
      <dt>SHA-256</dt><dd><code>%s</code></dd>
      <dt>File</dt><dd><code>%s</code></dd>
    </dl>
`, c.Issuer, c.Serial, c.SHA256, c.File)
	} else {
		p.put(`    <p class="ends error">none</p>` + "\n")
	}
	p.put(`    <p class="foot">Generation %s`, l.Generation)
	if !l.Loaded.IsZero() {
		p.put(`, read %s <span class="muted">(%s)</span>`, relative(p.now, l.Loaded), p.time(l.Loaded))
	}
	p.put(".\n      Changes since the start: %s taken into use, %s refused.", l.Reloads, l.Failures)
	if l.Polling {
		p.put(" Files are looked at every second: the node has no change notices left to give.")
	}
	p.put("</p>\n  </section>\n")
}

func (p *page) warnings(n int, warnings []string) {
	if len(warnings) == 0 {
		return
	}
	p.card(n, "warnings", "Warnings")
	p.put("    <ul>")
	for _, w := range warnings {
		p.put("<li>%s</li>", w)
	}
	p.put("</ul>\n  </section>\n")
}

func (p *page) anchors(n int, title, none markup, anchors []Certificate) {
	p.card(n, "anchors", title)
	switch {
	case len(anchors) == 0:
		p.put("    <p class=\"empty\">%s</p>\n", none)
	case len(anchors) > foldAbove:
		p.put("    <details><summary>%s CA certificates; the first %s</summary>", len(anchors), anchors[0].Ends)
		p.certificates(anchors)
		p.put("</details>\n")
	default:
		p.certificates(anchors)
	}
	p.put("  </section>\n")
}

func (p *page) certificates(all []Certificate) {
	p.put(`
    <table>
      <thead><tr><th scope="col">Certificate</th><th scope="col">Validity</th></tr></thead>
      <tbody>
`)
	for i := range all {
		c := &all[i]
		p.put(`      <tr>
        <th scope="row"><code>%s</code>
          <span class="muted small line">`, c.Subject)
		if c.Subject == c.Issuer {
			p.put("self-issued")
		} else {
			p.put("issued by <code>%s</code>", c.Issuer)
		}
		p.put(`</span>
          <span class="muted small line">serial <code>%s</code></span>
          <span class="muted small line"><code>%s</code></span></th>
        <td><span class="line %s text">%s</span>%s<span class="muted small">%s</span></td>
      </tr>
`, c.Serial, c.File, c.Level, c.Ends, bar(c), p.time(c.NotAfter))
	}
	p.put("      </tbody>\n    </table>\n")
}

// bar draws how much of its life c has left.
func bar(c *Certificate) markup {
	var p page
	p.put(`<svg class="left %s" viewBox="0 0 100 1" preserveAspectRatio="none" role="img" aria-label="%s per cent of its life is left">`+
		`<rect class="track" width="100" height="1"/><rect class="part" width="%[2]s" height="1"/></svg>`, c.Level, c.Left)
	return markup(p.String())
}

// A refused is a client that was refused, or would have been, for one reason. Without
// a Subject it is told by its address.
type refused struct {
	reason, subject, host string
	reportOnly            bool
}

func refusedOf(r *RefusalReport) refused {
	if r.Subject == "" {
		return refused{reason: r.Reason, host: host(r.Remote), reportOnly: r.ReportOnly}
	}
	return refused{reason: r.Reason, subject: r.Subject, reportOnly: r.ReportOnly}
}

func host(addr string) string {
	h, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return h
}

func (p *page) refusals(n int, refusals []RefusalReport) {
	repeatedCard(p, n, "Last refusals", "Nobody was refused since the start.", grouped(refusals, refusedOf),
		func(r *RefusalReport) string { return r.Reason }, p.refusal)
}

func (p *page) refusal(r *RefusalReport) {
	if r.Status != 0 {
		p.put(`          <span class="chip">%s</span>`+"\n", r.Status)
	} else {
		p.put(`          <span class="chip">TLS</span>` + "\n")
	}
	if r.ReportOnly {
		p.put(`          <span class="chip">let through: report only</span>` + "\n")
	}
	p.put(`          <span class="muted small">%s, from <code>%s</code></span></p>`+"\n", p.ago(r.Time), r.Remote)
	if r.Explanation != "" {
		p.put("        <p>%s</p>\n", r.Explanation)
	}
	if r.Allow != "" {
		p.put(`        <pre class="paste" tabindex="0" aria-label="line to paste into a rule"><code>%s</code></pre>`+"\n", r.Allow)
	} else if r.Subject != "" {
		p.put("        <p><code>%s</code></p>\n", r.Subject)
	}
	if r.Detail != "" {
		p.put(`        <p class="muted small">%s</p>`+"\n", r.Detail)
	}
}

func (p *page) rules(n int, in *IngressReport) {
	p.card(n, "rules", "Who may pass")
	switch {
	case len(in.Rules) > 0:
		p.entries("Rule", "Conditions, all of them", in.Rules)
	case in.Report:
		p.put(`    <p class="empty">No rule.</p>` + "\n")
	default:
		p.put(`    <p class="empty">No rule: nobody is let in.</p>` + "\n")
	}
	p.put("  </section>\n")
}
