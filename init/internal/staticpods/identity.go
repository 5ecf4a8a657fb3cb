package staticpods

import (
	"encoding/json"
	"regexp"
	"strings"
)

// podOf returns NAMESPACE/NAME of a manifest's pod, or "" where it is not written in one of the usual ways. Init has no
// parser of YAML: kubelet decides what a manifest is, and this only names what people wrote.
func podOf(manifest []byte) string {
	var pod struct {
		Metadata struct{ Namespace, Name string }
	}
	name, namespace := "", ""
	if json.Unmarshal(manifest, &pod) == nil {
		name, namespace = pod.Metadata.Name, pod.Metadata.Namespace
	} else {
		fields := metadataOf(string(manifest))
		name, namespace = fields["name"], fields["namespace"]
	}
	if name == "" {
		return ""
	}
	if namespace == "" {
		namespace = "default"
	}
	return namespace + "/" + name
}

// field is `name: value` of YAML, with or without quotes and a comment. Only the characters of names are read.
var field = regexp.MustCompile(`^(?:"(\w+)"|'(\w+)'|(\w+)):[ \t]+(?:"([a-z0-9.-]+)"|'([a-z0-9.-]+)'|([a-z0-9.-]+))[ \t]*(?:#.*)?$`)

func readField(text string) (name, value string, found bool) {
	parts := field.FindStringSubmatch(text)
	if parts == nil {
		return "", "", false
	}
	return parts[1] + parts[2] + parts[3], parts[4] + parts[5] + parts[6], true
}

// metadataOf returns the fields of the object metadata in YAML that are names.
func metadataOf(manifest string) map[string]string {
	lines := strings.Split(strings.ReplaceAll(manifest, "\r\n", "\n"), "\n")
	for i, line := range lines {
		rest, found := strings.CutPrefix(line, "metadata:")
		if !found {
			continue
		}
		switch rest = strings.TrimSpace(rest); {
		case rest == "", strings.HasPrefix(rest, "#"):
			return blockFields(lines[i+1:])
		case strings.HasPrefix(rest, "{"):
			return flowFields(rest + "\n" + strings.Join(lines[i+1:], "\n"))
		}
		return nil
	}
	return nil
}

// blockFields reads the fields of an object by its indentation, which that of its first field is.
func blockFields(lines []string) map[string]string {
	fields, indent := map[string]string{}, -1
	for _, line := range lines {
		text := strings.TrimLeft(line, " ")
		if text == "" || text[0] == '#' {
			continue
		}
		depth := len(line) - len(text)
		if indent < 0 {
			indent = depth
		}
		if depth == 0 || depth < indent {
			break
		}
		if name, value, found := readField(text); found && depth == indent {
			fields[name] = value
		}
	}
	return fields
}

// flowFields reads the fields of an object in braces. Brackets within quotes end it early, which costs fields and makes
// none.
func flowFields(text string) map[string]string {
	fields, depth, from := map[string]string{}, 0, 0
	take := func(end int) {
		if name, value, found := readField(strings.TrimSpace(text[from:end])); found && depth == 1 {
			fields[name] = value
		}
		from = end + 1
	}
	for i := range len(text) {
		switch text[i] {
		case '{', '[':
			depth++
			from = i + 1
		case ',':
			take(i)
		case '}', ']':
			take(i)
			if depth--; depth == 0 {
				return fields
			}
		}
	}
	return nil
}
