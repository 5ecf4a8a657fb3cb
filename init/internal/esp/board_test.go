package esp

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/slots"
)

// boardPartition makes a folder as the partition of a board is, with systems of these generations.
func boardPartition(t *testing.T, config string, generations ...int) (top string) {
	t.Helper()
	top = t.TempDir()
	files := map[string]string{slots.Config: config, slots.SystemsDir + "/README": "not one of ours"}
	for _, generation := range generations {
		files[filepath.Join(slots.SystemDir(generation), slots.BoardKernel)] = "kernel"
	}
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(top, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(top, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

const settings = "os_prefix=system/0002/\n#kios good=0001 trial=0002\n"

func TestThePartitionOfABoardIsRead(t *testing.T) {
	top := boardPartition(t, settings, 1, 2)
	if err := os.MkdirAll(filepath.Join(top, slots.SystemDir(3)), 0o755); err != nil { // being written
		t.Fatal(err)
	}
	m, err := ReadBoard(top)
	slices.Sort(m.Images)
	if err != nil || *m.Choice != (slots.Choice{Next: 2, Good: 1, Trial: 2}) || !slices.Equal(m.Images, []int{1, 2}) {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err = ReadBoard(boardPartition(t, "arm_64bit=1\n")); err == nil || !strings.Contains(err.Error(), "config.txt does not say") {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAChoiceChangesNothingButItsDigits(t *testing.T) {
	rest := strings.Repeat("arm_64bit=1\n", 100)
	top := boardPartition(t, settings+rest, 1, 2)
	before, err := os.Stat(filepath.Join(top, slots.Config))
	if err != nil {
		t.Fatal(err)
	}
	step := slots.Step{Kind: slots.Choose, Choice: slots.Choice{Next: 1, Good: 1, Trial: 2}}
	if err := Take(top, step, "0.2.0"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(top, slots.Config))
	if err != nil || string(content) != "os_prefix=system/0001/\n#kios good=0001 trial=0002\n"+rest {
		t.Errorf("%q, %v", content, err)
	}
	if after, err := os.Stat(filepath.Join(top, slots.Config)); err != nil || !os.SameFile(before, after) {
		t.Error("the file is another one")
	}
}

func TestSettingsThatNobodyUnderstandsAreLeftAlone(t *testing.T) {
	const foreign = "os_prefix=mine/\n#kios good=0001 trial=0000\n"
	top := boardPartition(t, foreign, 1)
	err := Take(top, slots.Step{Kind: slots.Choose, Choice: slots.Choice{Next: 1, Good: 1}}, "")
	if err == nil || !strings.Contains(err.Error(), "write next 0001, good 0001, trial 0000 into config.txt") {
		t.Error(err)
	}
	if content, _ := os.ReadFile(filepath.Join(top, slots.Config)); string(content) != foreign {
		t.Errorf("%q", content)
	}
}

func TestFilesOfBoardsAndOfLoadersAreForgotten(t *testing.T) {
	if err := forgetFiles(boardPartition(t, settings, 1, 2)); err != nil {
		t.Error(err)
	}
	if err := forgetFiles(partition(t, map[string]string{"kios-0001.conf": "x"})); err != nil {
		t.Error(err)
	}
}
