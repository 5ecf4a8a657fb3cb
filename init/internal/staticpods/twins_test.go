package staticpods

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

func TestAPodIsKnownByTheWaysInWhichPeopleWriteIt(t *testing.T) {
	for manifest, want := range map[string]string{
		`{"apiVersion":"v1","metadata":{"name":"a","namespace":"kube-system"}}`: "kube-system/a",
		`{"metadata":{"name":"a"}}`: "default/a",
		"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: b\nspec: {}\n":                  "b/a",
		"metadata:\r\n    namespace: \"b\" # why\r\n    name: 'a.c'\r\n":                               "b/a.c",
		"metadata: # of a\n\n  # more\n  labels:\n    name: x\n  name: a\nspec:\n  name: y\n":          "default/a",
		"---\nmetadata: {name: a, labels: {name: x, namespace: z}, namespace: b} # c\nspec: {name: y}": "b/a",
		"metadata: {annotations: {a: '[1, 2]'},\n  \"name\": \"a\"\n}":                                 "default/a",
		"spec:\n  metadata:\n    name: x\n":                                                            "",
		"metadata: &m\n  name: x\n":                                                                    "",
		"metadata:\n  name: {{ .Name }}\n":                                                             "",
		"metadata:\n  <<: *base\n":                                                                     "",
		"metadata:\nname: x\n":                                                                         "",
		"metadata: {name: a":                                                                           "",
		"metadata:":                                                                                    "",
		"[1]":                                                                                          "",
		"":                                                                                             "",
	} {
		if got := podOf([]byte(manifest)); got != want {
			t.Errorf("%q: %q, want %q", manifest, got, want)
		}
	}
}

func FuzzPodOf(f *testing.F) {
	f.Add("metadata: {name: a, b: [}")
	f.Add("metadata:\n  name: a")
	f.Fuzz(func(t *testing.T, manifest string) { podOf([]byte(manifest)) })
}

func TestTwoFilesWithOnePodAreNamedOnce(t *testing.T) {
	own := map[string]string{"cni.yaml": later, "mine.yaml": yaml, "other.yaml": "metadata: {name: cni, namespace: other}\n"}
	f := withMedium(t, own, map[string]string{"cni.json": "metadata:\n  name: cni\n", "mine.yaml": yaml})
	var told []string
	f.Twins = NewTwins(func(pod string, files []string) { told = append(told, fmt.Sprint(pod, files)) })
	round(t, f)
	round(t, f)
	want := fmt.Sprint("default/cni", []string{filepath.Join(f.Over, "cni.json"), filepath.Join(f.From, "cni.yaml")})
	if !slices.Equal(told, []string{want}) {
		t.Errorf("told %v, want %s", told, want)
	}
	write(t, filepath.Join(f.From, "more.yaml"), later)
	round(t, f)
	if len(told) != 2 {
		t.Errorf("a third file is not told: %v", told)
	}
	expectOffered(t, f, map[string]string{
		"cni.json": "metadata:\n  name: cni\n", "cni.yaml": later, "mine.yaml": yaml, "more.yaml": later,
		"other.yaml": own["other.yaml"],
	})
}

func TestWhatIsToldOfTwinsIsBounded(t *testing.T) {
	told := 0
	twins := NewTwins(func(string, []string) { told++ })
	for i := range 10 * maxTwins {
		twins.look(filesOfPods{"default/a": {"a", fmt.Sprint(i)}})
	}
	if told != maxTwins {
		t.Errorf("told %d times", told)
	}
}
