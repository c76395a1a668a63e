package admin

// A repeated is several entries that are alike, of which the newest is shown: who
// tries again and again must not hide the others.
type repeated[T any] struct {
	newest *T
	times  int
}

// grouped returns the entries of all that have the same key as one, in the order of
// their newest.
func grouped[T any, K comparable](all []T, key func(*T) K) []*repeated[T] {
	var out []*repeated[T]
	at := make(map[K]*repeated[T])
	for i := range all {
		k := key(&all[i])
		if at[k] == nil {
			at[k] = &repeated[T]{newest: &all[i]}
			out = append(out, at[k])
		}
		at[k].times++
	}
	return out
}

// repeatedCard writes the card of what went wrong lately, or that nothing did. The
// entry is written from what follows the reason and how often it was the reason.
func repeatedCard[T any](p *page, n int, title, none markup, groups []*repeated[T], reason func(*T) string, entry func(*T)) {
	p.card(n, "refusals", title)
	if len(groups) == 0 {
		p.put(`    <p class="empty">%s</p>`+"\n  </section>\n", none)
		return
	}
	p.put(`    <ol class="refusals">` + "\n")
	for _, g := range groups {
		p.put(`      <li>
        <p class="head"><b class="reason">%s</b>
`, reason(g.newest))
		if g.times > 1 {
			p.put(`          <span class="chip">%s times</span>`+"\n", g.times)
		}
		entry(g.newest)
		p.put("      </li>\n")
	}
	p.put("    </ol>\n  </section>\n")
}
