package gpt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kios.dev/init/internal/blockwrite"
)

func nothing(int) bool { return false }

// cut returns the disk after a power cut during write number last: those before are complete, and of that one only the
// sectors that arrived say yes to are on the disk.
func cut(b []byte, plan []blockwrite.Write, last int, arrived func(sector int) bool) []byte {
	b = slices.Clone(b)
	for _, write := range plan[:last] {
		copy(b[write.Offset:], write.Data)
	}
	if last == len(plan) {
		return b
	}
	for at := 0; at < len(plan[last].Data); at += 512 {
		if arrived(at / 512) {
			copy(b[plan[last].Offset+int64(at):], plan[last].Data[at:at+512])
		}
	}
	return b
}

// cuts yields every way in which power can fail during a plan: before each write, after each sector of it in either
// order, and with sectors chosen by chance.
func cuts(b []byte, plan []blockwrite.Write, blockSize int64, yield func(name string, b []byte)) {
	random := rand.New(rand.NewPCG(1, 2))
	for i := range len(plan) + 1 {
		yield(fmt.Sprintf("before write %d", i+1), cut(b, plan, i, nothing))
		if i == len(plan) || int64(len(plan[i].Data)) == blockSize {
			continue // a block arrives whole or not
		}
		sectors := len(plan[i].Data) / 512
		for n := 1; n <= sectors; n++ {
			yield(fmt.Sprintf("write %d, the first %d sectors", i+1, n), cut(b, plan, i, func(s int) bool { return s < n }))
			yield(fmt.Sprintf("write %d, the last %d sectors", i+1, n), cut(b, plan, i, func(s int) bool { return s >= sectors-n }))
			yield(fmt.Sprintf("write %d, chance %d", i+1, n), cut(b, plan, i, func(int) bool { return random.IntN(2) == 0 }))
		}
	}
}

// firmwareRepairs does what UEFI's reference code does at each boot: it restores a backup that does not verify.
func firmwareRepairs(b []byte, blockSize int64) {
	primary, err := linuxReads(b, blockSize)
	if err != nil {
		return
	}
	h := primary.header
	if _, err := readAt(bytes.NewReader(b), int64(len(b)), blockSize, int64(h.other)); err == nil {
		return
	}
	h.own, h.other, h.entriesLBA = h.other, 1, h.lastUsable+1
	copy(b[int64(h.entriesLBA)*blockSize:], primary.entries)
	copy(b[int64(h.own)*blockSize:], h.encode(blockSize))
}

func TestAPowerCutLeavesTheOldOrTheNewTableAndTheNextBootFinishes(t *testing.T) {
	for blockSize, sizes := range map[int64][]int64{512: {0, 20, 300, 3000}, 4096: {20, 300}} {
		for _, grown := range sizes {
			start := image(blockSize, grown)
			old, _ := linuxReads(start, blockSize)
			boots := new(fresh)
			plan, err := Renew(bytes.NewReader(start), int64(len(start)), blockSize, boots.own)
			if err != nil {
				t.Fatal(err)
			}
			done := cut(start, plan.Writes, len(plan.Writes), nothing)
			renewed, _ := linuxReads(done, blockSize)
			cuts(start, plan.Writes, blockSize, func(name string, b []byte) {
				name = fmt.Sprintf("blocks of %d, %d more, %s", blockSize, grown, name)
				table, err := linuxReads(b, blockSize)
				if err != nil {
					t.Fatalf("%s: the primary table is lost: %v", name, err)
				}
				if !bytes.Equal(table.entries, old.entries) && !bytes.Equal(table.entries, renewed.entries) {
					t.Fatalf("%s: the table is neither old nor new", name)
				}
				if isNew := bytes.Equal(table.entries, renewed.entries); isNew != (table.GUID == renewed.GUID) {
					t.Fatalf("%s: the disk's GUID and those of the partitions differ in age", name)
				}
				repaired := slices.Clone(b)
				firmwareRepairs(repaired, blockSize)
				for _, next := range [][]byte{b, repaired} {
					second := renewAll(t, next, blockSize, boots.own)
					finished(t, name, next, blockSize)
					if renewAll(t, next, blockSize, boots.own) != nil {
						t.Fatalf("%s: the second boot left work after %d writes", name, len(second))
					}
				}
			})
		}
	}
}

func TestABootThatOnlyFinishesTheBackupRenewsNothing(t *testing.T) {
	start := image(512, 20)
	boots := new(fresh)
	plan, err := Renew(bytes.NewReader(start), int64(len(start)), 512, boots.own)
	if err != nil || !plan.Renewed || plan.Mended {
		t.Fatalf("first boot: %+v %v", plan, err)
	}
	for cutAt := range plan.Writes {
		b := cut(start, plan.Writes, cutAt, nothing)
		table, _ := linuxReads(b, 512)
		next, err := Renew(bytes.NewReader(b), int64(len(b)), 512, boots.own)
		if isOld := carries(table) != nil; err != nil || next.Renewed != isOld || next.Mended == isOld {
			t.Errorf("cut before write %d: %+v %v", cutAt+1, next, err)
		}
	}
}

func TestAPowerCutDuringTheSecondBootIsNoWorse(t *testing.T) {
	start := image(512, 20)
	boots := new(fresh)
	plan, err := Renew(bytes.NewReader(start), int64(len(start)), 512, boots.own)
	if err != nil {
		t.Fatal(err)
	}
	for first := range plan.Writes {
		b := cut(start, plan.Writes, first, nothing)
		again, err := Renew(bytes.NewReader(b), int64(len(b)), 512, boots.own)
		if err != nil {
			t.Fatal(err)
		}
		cuts(b, again.Writes, 512, func(name string, b []byte) {
			if _, err := linuxReads(b, 512); err != nil {
				t.Fatalf("cut at %d, then %s: %v", first+1, name, err)
			}
			renewAll(t, b, 512, boots.own)
			finished(t, name, b, 512)
		})
	}
}
