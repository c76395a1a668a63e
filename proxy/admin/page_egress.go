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

func (p *page) failed(n int, failed []CallReport) {
	type series struct{ reason, server string }
	groups := grouped(failed, func(c *CallReport) series { return series{c.Reason, c.Server} })
	repeatedCard(p, n, "Last failed calls", "No call failed since the start.", groups, func(c *CallReport) string { return c.Reason }, p.call)
}

func (p *page) call(c *CallReport) {
	p.put(`          <span class="muted small">%s</span></p>`+"\n", p.ago(c.Time))
	if c.Explanation != "" {
		p.put("        <p>%s</p>\n", c.Explanation)
	}
	if c.Server != "" {
		p.put("        <p>The server presented <code>%s</code></p>\n", c.Server)
	}
	if c.Detail != "" {
		p.put(`        <p class="muted small">%s</p>`+"\n", c.Detail)
	}
}

func (p *page) checks(n int, checks []string) {
	p.card(n, "checks", "What every call must meet")
	for _, c := range checks {
		p.put(`    <p><code>%s</code></p>`+"\n", c)
	}
	p.put("  </section>\n")
}
