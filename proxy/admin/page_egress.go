package admin

// egress writes the section of one egress, our certificate to the left and the
// partner to the right.
func (p *page) egress(n int, out *EgressReport) {
	p.listener(n, "egress", &out.ListenerReport, "Client certificate")
	p.anchors(n, "Server CAs", "None: no server can pass.", out.Anchors)
	p.put("\n  </div>\n  <div>\n")
	p.failed(n, out.Failed)
	p.checks(n, out.Checks)
	p.put("\n  </div>\n  </div>\n</section>\n")
}

// A series is several failures for one reason at one server, of which the newest
// is shown.
type series struct {
	CallReport
	Times int
}

// seriesOf returns the series in failed, in the order of their newest.
func seriesOf(failed []CallReport) []*series {
	type key struct{ reason, server string }
	var out []*series
	at := make(map[key]*series)
	for _, f := range failed {
		k := key{f.Reason, f.Server}
		if at[k] == nil {
			at[k] = &series{CallReport: f}
			out = append(out, at[k])
		}
		at[k].Times++
	}
	return out
}

func (p *page) failed(n int, failed []CallReport) {
	p.card(n, "refusals", "Last failed calls")
	if len(failed) == 0 {
		p.put(`    <p class="empty">No call failed since the start.</p>` + "\n  </section>\n")
		return
	}
	p.put(`    <ol class="refusals">` + "\n")
	for _, s := range seriesOf(failed) {
		p.series(s)
	}
	p.put("    </ol>\n  </section>\n")
}

func (p *page) series(s *series) {
	p.put(`      <li>
        <p class="head"><b class="reason">%s</b>
`, s.Reason)
	if s.Times > 1 {
		p.put(`          <span class="chip">%s times</span>`+"\n", s.Times)
	}
	p.put(`          <span class="muted small">%s</span></p>`+"\n", p.ago(s.Time))
	if s.Explanation != "" {
		p.put("        <p>%s</p>\n", s.Explanation)
	}
	if s.Server != "" {
		p.put("        <p>The server presented <code>%s</code></p>\n", s.Server)
	}
	if s.Detail != "" {
		p.put(`        <p class="muted small">%s</p>`+"\n", s.Detail)
	}
	p.put("      </li>\n")
}

func (p *page) checks(n int, checks []string) {
	p.card(n, "checks", "What every call must meet")
	for _, c := range checks {
		p.put(`    <p><code>%s</code></p>`+"\n", c)
	}
	p.put("  </section>\n")
}
