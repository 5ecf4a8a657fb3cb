package store

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// copyTree copies a file or a folder of the store. Folders, files and links of root are all that the build puts there
// (os/src/build/formats/tree.ts).
func copyTree(from, to string) error {
	type folder struct {
		path string
		info fs.FileInfo
	}
	var folders []folder
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		info, err := entry.Info()
		if err != nil {
			return err
		}
		switch entry.Type() {
		case 0:
			return copyFile(path, target, info)
		case fs.ModeSymlink:
			text, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(text, target)
		case fs.ModeDir:
			folders = append(folders, folder{target, info})
			return os.Mkdir(target, 0o700)
		}
		return &fs.PathError{Op: "copy", Path: path, Err: fs.ErrInvalid}
	})
	for _, f := range folders { // their times change while they are filled
		if err == nil {
			err = setModeAndTime(f.path, f.info)
		}
	}
	return err
}

func copyFile(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return setModeAndTime(to, info)
}

// setModeAndTime makes a copy equal, whatever the umask.
func setModeAndTime(path string, info fs.FileInfo) error {
	if err := os.Chmod(path, info.Mode()); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

func sizeOf(path string) (int64, error) {
	var bytes int64
	err := filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}
