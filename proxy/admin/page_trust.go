package admin

// What the page says of trust that is withdrawn, or not there yet.

func (p *page) crls(n int, in *IngressReport) {
	if len(in.CRLs) == 0 {
		return
	}
	p.card(n, "crls", "Revocation lists")
	p.put(`    <p class="small muted">crlPolicy: <code>%s</code></p>
    <table>
      <thead><tr><th scope="col">CA</th><th scope="col">Next update</th></tr></thead>
      <tbody>
`, in.CRLPolicy)
	for i := range in.CRLs {
		c := &in.CRLs[i]
		p.put(`      <tr>
        <th scope="row"><code>%s</code>
          <span class="muted small line">%s`, c.Issuer, count(c.Entries, "certificate"))
		if c.Number != "" {
			p.put(`, list number %s`, c.Number)
		}
		p.put(`</span>
          <span class="muted small line"><code>%s</code></span></th>
        <td><span class="line %s text">%s</span><span class="muted small">%s</span></td>
      </tr>
`, c.File, c.Level, c.State, p.ago(c.NextUpdate))
	}
	p.put("      </tbody>\n    </table>\n  </section>\n")
}

// onTrial says that the rules do not count yet.
func (p *page) onTrial(n int, in *IngressReport) {
	if !in.Report {
		return
	}
	p.card(n, "report", "Report only")
	p.put("    <p>Nothing is refused by <code>allow</code>: whom no rule admits is let through, and listed below. " +
		"Deny entries, revocation lists and failed verifications refuse as ever.</p>\n  </section>\n")
}

func (p *page) denies(n int, denies []Rule) {
	if len(denies) == 0 {
		return
	}
	p.card(n, "denies", "Who is denied, whatever the rules say")
	p.entries("Entry", "Named by", denies)
	p.put("  </section>\n")
}

// entries writes rules or deny entries, of which there is at least one.
func (p *page) entries(entry, named markup, all []Rule) {
	p.put(`    <table>
      <thead><tr><th scope="col">%s</th><th scope="col">%s</th></tr></thead>
      <tbody>
`, entry, named)
	for _, r := range all {
		p.put(`      <tr><th scope="row">%s`, r.Name)
		if r.Report {
			p.put(` <span class="chip">on trial: lets nobody in</span>`)
		}
		p.put("</th><td>")
		for _, c := range r.Conditions {
			p.put(`<code class="line">%s</code>`, c)
		}
		if len(r.Conditions) == 0 {
			p.put(`<span class="muted">none: every verified client</span>`)
		}
		p.put("</td></tr>\n")
	}
	p.put("      </tbody>\n    </table>\n")
}
