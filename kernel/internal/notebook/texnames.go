package notebook

import "strings"

// An alphabet is a style of letters as Unicode has it; 0 stands for none.
type alphabet struct {
	upper, lower, digit rune
	other               map[rune]rune // letters that stand elsewhere
}

var alphabets = map[string]alphabet{
	`\mathbb`: {upper: 0x1D538, lower: 0x1D552, digit: 0x1D7D8,
		other: map[rune]rune{'C': 'ℂ', 'H': 'ℍ', 'N': 'ℕ', 'P': 'ℙ', 'Q': 'ℚ', 'R': 'ℝ', 'Z': 'ℤ'}},
	`\mathcal`: {upper: 0x1D49C,
		other: map[rune]rune{'B': 'ℬ', 'E': 'ℰ', 'F': 'ℱ', 'H': 'ℋ', 'I': 'ℐ', 'L': 'ℒ', 'M': 'ℳ', 'R': 'ℛ'}},
	`\mathbf`:     {upper: 0x1D400, lower: 0x1D41A, digit: 0x1D7CE},
	`\boldsymbol`: {upper: 0x1D468, lower: 0x1D482, digit: 0x1D7CE},
	`\mathit`:     {upper: 0x1D434, lower: 0x1D44E, other: map[rune]rune{'h': 'ℎ'}},
}

// letters are the commands that stand for a letter.
var letters = pairs(`alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ
	iota ι kappa κ lambda λ mu μ nu ν xi ξ pi π rho ρ sigma σ tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω
	Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω
	ell ℓ hbar ℏ infty ∞ emptyset ∅ partial ∂ nabla ∇ top ⊤ Re ℜ Im ℑ ldots … cdots ⋯ dots … vdots ⋮`)

// symbols are the commands that stand for an operator, relation or bracket.
var symbols = pairs(`sum ∑ prod ∏ int ∫ cdot ⋅ times × div ÷ pm ± mp ∓ ast ∗ star ⋆ circ ∘ odot ⊙ oplus ⊕ otimes ⊗
	le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ approx ≈ equiv ≡ sim ∼ simeq ≃ propto ∝ ll ≪ gg ≫ lt &lt; gt &gt;
	in ∈ notin ∉ subset ⊂ subseteq ⊆ supset ⊃ cup ∪ cap ∩ setminus ∖ forall ∀ exists ∃ neg ¬ land ∧ lor ∨
	to → rightarrow → leftarrow ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ iff ⇔ mapsto ↦ gets ←
	mid ∣ parallel ∥ perp ⊥ langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ lVert ‖ rVert ‖ lvert | rvert |
	colon : { { } } | ‖ % % _ _ & &amp; # # $ $ Vert ‖ vert |`)

// spaces are the commands that only leave room.
var spaces = map[string]string{
	`\,`: "0.17em", `\:`: "0.22em", `\;`: "0.28em", `\ `: "0.33em", `\!`: "-0.17em", `\quad`: "1em", `\qquad`: "2em",
}

// accents are the commands that put something above a letter.
var accents = map[string]string{
	`\hat`: "^", `\widehat`: "^", `\bar`: "¯", `\overline`: "¯", `\tilde`: "~", `\widetilde`: "~", `\vec`: "→", `\dot`: "˙", `\ddot`: "¨",
}

// functions are the commands that stand for their own name.
var functions = set(`\log \ln \exp \sin \cos \tan \tanh \sinh \cosh \max \min \arg \argmax \argmin \sup \inf \lim \det \dim \Pr \deg \ker`)

// limitOperators have their scripts below and above in display style.
var limitOperators = set(`\sum \prod \max \min \argmax \argmin \sup \inf \lim`)

// pairs reads a list of command names and what they stand for.
func pairs(list string) map[string]string {
	fields := strings.Fields(list)
	m := map[string]string{}
	for i := 0; i+1 < len(fields); i += 2 {
		m[`\`+fields[i]] = fields[i+1]
	}
	return m
}

// set reads a list of names.
func set(list string) map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(list) {
		m[name] = true
	}
	return m
}
