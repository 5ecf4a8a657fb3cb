package blockdev

import (
	"errors"
	"testing"
	"time"

	"kios.dev/init/internal/gpt"
)

func TestADiskThatNeverRepliesHoldsUpNoOther(t *testing.T) {
	s := NewScanner()
	never := make(chan struct{})
	defer close(never)
	s.read = func(disk string) (gpt.Table, error) {
		if disk == "sda" {
			<-never
		}
		return gpt.Table{GUID: disk}, nil
	}
	slow, quick := medium{"sda", 1, 8}, medium{"sdb", 2, 8}
	for _, m := range []medium{slow, quick} {
		if _, ok := s.table(m); ok {
			t.Errorf("%s was read by the caller", m.disk)
		}
	}
	select {
	case <-s.C:
	case <-time.After(10 * time.Second):
		t.Fatal("no news of the disk that replied")
	}
	if table, ok := s.table(quick); !ok || table.GUID != "sdb" {
		t.Errorf("%+v %v", table, ok)
	}
	if _, ok := s.table(slow); ok {
		t.Error("the slow disk has a table")
	}
}

func TestEachMediumIsReadOnce(t *testing.T) {
	s := NewScanner()
	reads := 0
	s.read = func(string) (gpt.Table, error) { reads++; return gpt.Table{}, errors.New("not a table") }
	first, second := medium{"sda", 1, 8}, medium{"sda", 2, 8}
	for range 3 {
		for _, m := range []medium{first, second} {
			if _, ok := s.table(m); !ok {
				<-s.C
			}
		}
	}
	if reads != 2 {
		t.Errorf("%d reads of two media", reads)
	}
}
