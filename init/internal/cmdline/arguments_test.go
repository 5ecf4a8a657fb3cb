package cmdline

import (
	"reflect"
	"slices"
	"testing"

	"kios.dev/init/internal/sysctl"
	"kios.dev/init/internal/testvector"
)

func TestEachWordIsCarriedOutByTheOneWhoCan(t *testing.T) {
	rows := testvector.Read[[]struct{ Word, By string }](t, "arguments.json")
	for _, row := range rows {
		a := ParseArguments(`"` + row.Word + `"`)
		got := map[string][]string{"init": a.Init, "agents": a.Agents, "kernel": a.Kernel, "nobody": a.Refused}
		for by, words := range got {
			if slices.Contains(words, row.Word) != (by == row.By) || len(words) > 1 {
				t.Errorf("%s by %s: %v, want by %s", row.Word, by, words, row.By)
			}
		}
	}
}

func TestATextMayHaveLinesAndComments(t *testing.T) {
	a := ParseArguments("\ufeff# a comment\r\nsysctl.kernel.panic=5 kios.console=all\r\n\n  # datapart=/dev/sda1\ndatapart=\"PARTLABEL=my data\"\n")
	// An editor's byte order mark makes the first line no comment; it says so and does not stop the others.
	if want := []string{"sysctl.kernel.panic=5", "kios.console=all", "datapart=PARTLABEL=my data"}; !slices.Equal(a.Init, want) {
		t.Errorf("%q", a.Init)
	}
	if want := []sysctl.Setting{{Name: "kernel/panic", Value: "5"}}; !reflect.DeepEqual(a.Settings(), want) {
		t.Errorf("%v", a.Settings())
	}
}

func TestTheKernelsOwnCommandLineHasPrecedence(t *testing.T) {
	a := ParseArguments(`datapart="PARTLABEL=my data" kios.console=all kios.logport=/dev/ttyS1`)
	o := Parse(a.Before("quiet kios.console=events"))
	if want := (Options{DataPart: "PARTLABEL=my data", LogPort: "/dev/ttyS1"}); !reflect.DeepEqual(o, want) {
		t.Errorf("%+v", o)
	}
	if o := Parse(a.Before("datapart=/dev/vdb")); o.DataPart != "/dev/vdb" {
		t.Errorf("%+v", o)
	}
}

func TestAWordOnTheLineIsFoundWhole(t *testing.T) {
	const line = "quiet mitigations=auto,nosmt pti=on\n"
	for word, want := range map[string]bool{"mitigations=auto,nosmt": true, "mitigations=auto": false, "mitigations=off": false} {
		if Has(line, word) != want {
			t.Errorf("%s: %v", word, !want)
		}
	}
}
