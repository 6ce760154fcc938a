package cell

// A Part is a top-level part of a cell that has not been parsed.
type Part struct {
	Span
	Kind Kind
}

// Parts cuts text into its top-level parts as far as brackets tell them apart. It works on text that is
// typed in half: what follows an open bracket belongs to the part that has opened it, and what nothing has
// opened closes nothing.
func Parts(text string) []Part {
	spans, err := (&splitter{text: text, start: -1, lenient: true}).split()
	if err != nil {
		return []Part{{Span{0, len(text)}, Stmt}}
	}
	parts := make([]Part, len(spans))
	for i, s := range spans {
		parts[i] = Part{s.Span, s.kind}
	}
	return parts
}
