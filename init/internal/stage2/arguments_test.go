package stage2

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/cmdline"
	"kios.dev/init/internal/eventlog"
)

func TestAPersonsWordsCountOrAreNamed(t *testing.T) {
	const line = "quiet mitigations=auto,nosmt kios.console=events"
	for _, c := range []struct {
		name, text string
		secureBoot bool
		data       string
		says, not  string
	}{
		{"the data partition", "datapart=/dev/vdb1", false, "/dev/vdb1", `"arguments.taken","names":["datapart"]`, "refused"},
		{"an unknown word, without its value", "datapart=/dev/vdb1 password=hunter2", false, "/dev/vdb1", `"names":["password"]`, "hunter2"},
		{"a word for the kernel, which it did not get", "mitigations=off", false, "", "only the kernel can use", "taken"},
		{"a word that the kernel got", "mitigations=auto,nosmt", false, "", "", "refused"},
		{"a setting that the kernel does not have", "sysctl.kernel.no_such_setting=1", false, "", `"names":["sysctl.kernel.no_such_setting"]`, "KIOS_BUG"},
		{"with Secure Boot none", "datapart=/dev/vdb1 sysctl.kernel.panic=0", true, "", `"names":["datapart","sysctl.kernel.panic"]`, "taken"},
		{"with Secure Boot an empty file", "# nothing\n", true, "", "", "refused"},
	} {
		var console bytes.Buffer
		log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
		if err != nil {
			t.Fatal(err)
		}
		h := &host{log: log, options: cmdline.Parse(line)}
		h.useArguments(cmdline.ParseArguments(c.text), line, c.secureBoot)
		log.Flush(time.Second)
		said := console.String()
		if h.options.DataPart != c.data {
			t.Errorf("%s: data partition %q", c.name, h.options.DataPart)
		}
		if !strings.Contains(said, c.says) || strings.Contains(said, c.not) || c.says == "" && said != "" {
			t.Errorf("%s: it says %s", c.name, said)
		}
	}
}

func TestWordsOfAMediumThatIsLateAreNamedOnce(t *testing.T) {
	for _, read := range []bool{false, true} {
		folder := t.TempDir()
		if err := os.WriteFile(folder+"/"+argumentsFile, []byte("datapart=/dev/vdb1"), 0o644); err != nil {
			t.Fatal(err)
		}
		var console bytes.Buffer
		log, err := eventlog.Open(t.TempDir(), eventlog.NewConsoles(&console))
		if err != nil {
			t.Fatal(err)
		}
		h := &host{log: log, argumentsRead: read}
		h.reportLateArguments(folder)
		log.Flush(time.Second)
		if strings.Contains(console.String(), "too late") == read {
			t.Errorf("read before: %v, says %s", read, console.String())
		}
	}
}
