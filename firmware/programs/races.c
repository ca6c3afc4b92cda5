// Races about names, to get out of a shared directory:
//
//     races exchange ONE OTHER SECONDS   exchanges the two names all the time
//     races use PATH SECRET SECONDS      does to files below PATH all that may be done, while another exchanges PATH's last
//                                        directory with a symbolic link, and looks for SECRET in what it reads
//
// Below PATH there is to be a directory `inner` and a file `file`, which may be changed; what the symbolic link leads to has
// the same names. `use` prints how often each kind of operation succeeded. Its exit status is 1 when it has read the secret.

#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static time_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

static int exchange(const char *one, const char *other, int seconds)
{
	unsigned long done = 0;
	for (time_t end = now() + seconds; now() < end;) {
		if (syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE) == 0)
			done++;
		// Where both sides have one CPU, so that each stops the other anywhere.
		usleep(done * 7919 % 400);
	}
	printf("exchanged %s\n", done > 100 ? "often" : "seldom");
	return 0;
}

static const char *secret;
static bool hasLeaked;

static bool readFile(int directory, const char *name)
{
	char text[4096] = {0};
	int descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0)
		return false;
	if (read(descriptor, text, sizeof text - 1) > 0 && strstr(text, secret))
		hasLeaked = true;
	close(descriptor);
	return true;
}

static bool writeFile(int directory, const char *name, int flags)
{
	int descriptor = openat(directory, name, flags | O_WRONLY | O_CLOEXEC, 0600);
	if (descriptor < 0)
		return false;
	bool isWritten = write(descriptor, "changed", 7) == 7;
	close(descriptor);
	return isWritten;
}

static bool touch(int directory, const char *name)
{
	return utimensat(directory, name, NULL, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool listNames(int directory)
{
	int descriptor = openat(directory, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = descriptor < 0 ? NULL : fdopendir(descriptor);
	if (!stream)
		return false;
	for (struct dirent *entry; (entry = readdir(stream));) {
		if (strstr(entry->d_name, secret))
			hasLeaked = true;
	}
	closedir(stream);
	return true;
}

enum kind { reads, writes, creations, truncations, directories, removals, renamings, links, modes, times, lists, kinds };

static const char *const names[kinds] = {
	[reads] = "reads", [writes] = "writes", [creations] = "creations", [truncations] = "truncations",
	[directories] = "directories", [removals] = "removals", [renamings] = "renamings", [links] = "links",
	[modes] = "modes", [times] = "times", [lists] = "lists",
};

static bool attempt(enum kind kind, int directory)
{
	switch (kind) {
	case reads:
		return readFile(directory, "file") | readFile(directory, "inner/file");
	case writes:
		return writeFile(directory, "file", 0) | writeFile(directory, "inner/file", O_APPEND);
	case creations:
		return writeFile(directory, "new", O_CREAT) | writeFile(directory, "inner/new", O_CREAT | O_EXCL);
	case truncations:
		return writeFile(directory, "file", O_TRUNC | O_CREAT);
	case directories:
		return (mkdirat(directory, "made", 0700) == 0) | (mkdirat(directory, "inner/made", 0700) == 0);
	case removals:
		return (unlinkat(directory, "new", 0) == 0) | (unlinkat(directory, "inner/new", 0) == 0) |
		       (unlinkat(directory, "made", AT_REMOVEDIR) == 0) |
		       (unlinkat(directory, "inner/made", AT_REMOVEDIR) == 0) | (unlinkat(directory, "linked", 0) == 0);
	case renamings:
		return (renameat(directory, "file", directory, "inner/file") == 0) |
		       (renameat(directory, "inner/file", directory, "file") == 0) |
		       (renameat(directory, "inner", directory, "outer") == 0) |
		       (renameat(directory, "outer", directory, "inner") == 0);
	case links:
		return (linkat(directory, "file", directory, "linked", 0) == 0) |
		       (symlinkat("/", directory, "symbolic") == 0) | (unlinkat(directory, "symbolic", 0) == 0);
	case modes:
		return fchmodat(directory, "file", 0640, 0) == 0;
	case times:
		return touch(directory, "file") | touch(directory, "inner") | touch(directory, ".");
	case lists:
		return listNames(directory);
	case kinds:
		break;
	}
	return false;
}

static int use(const char *path, int seconds)
{
	unsigned long done[kinds] = {0};
	int held = -1;
	unsigned long turn = 0;
	for (time_t end = now() + seconds; now() < end; turn++) {
		// Each kind comes by a directory that was just looked up, and by one that was opened a while ago.
		int fresh = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		for (int kind = 0; kind < kinds; kind++)
			done[kind] += attempt(kind, turn % 2 ? fresh : held);
		if (turn % 16 && held >= 0) {
			close(fresh);
			continue;
		}
		close(held);
		held = fresh;
	}
	for (int kind = 0; kind < kinds; kind++)
		printf("%s %s\n", names[kind], done[kind] > 0 ? "happened" : "never happened");
	printf("secret %s\n", hasLeaked ? "read" : "kept");
	fprintf(stderr, "%lu turns\n", turn);
	return hasLeaked;
}

int main(int count, char **arguments)
{
	if (count == 5 && !strcmp(arguments[1], "exchange"))
		return exchange(arguments[2], arguments[3], atoi(arguments[4]));
	if (count == 5 && !strcmp(arguments[1], "use")) {
		secret = arguments[3];
		return use(arguments[2], atoi(arguments[4]));
	}
	fprintf(stderr, "use: races exchange ONE OTHER SECONDS | races use PATH SECRET SECONDS\n");
	return 1;
}
