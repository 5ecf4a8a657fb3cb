package kubelet

import (
	"io"
	"os"
)

// fileLimit is the number of bytes read at most from a file that a pod or a person wrote.
const fileLimit = 64 << 10

// ReadFiles reads the files for Make.
func ReadFiles() Files {
	return Files{
		Hostname: read("/etc/hostname"), NodeLabels: read(Dir + "/node-labels"), NodeIP: read(Dir + "/node-ip"),
		Kubeconfig: exists(kubeconfig), Bootstrap: exists(bootstrap), Credentials: exists(credentials),
	}
}

func read(path string) *string {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, fileLimit))
	if err != nil {
		return nil
	}
	text := string(data)
	return &text
}

func exists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
