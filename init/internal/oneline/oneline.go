// Package oneline makes one short line of a text that another program wrote.
package oneline

import "strings"

// Of joins the words of a text, and cuts what is longer than so many bytes.
func Of(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + " …"
	}
	return text
}
