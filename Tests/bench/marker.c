// Runs a command and tells when a text first appears in its output, and when it was gone:
//
//     marker [-e] TEXT COMMAND [ARG...]
//
// prints one line, "MARKER EXIT STATUS": nanoseconds from just before the fork to the last byte of TEXT (-1 when it
// never came) and to the command's end, and its exit status, 128+n when signal n ended it. A command that takes longer
// than a minute is killed. With -e the output is repeated on stderr.

#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int64_t timeLimit = 60000000000;

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "marker: %s: %s\n", what, strerror(errno));
	exit(125);
}

static pid_t start(char **command, int output)
{
	pid_t child = vfork();
	if (child < 0)
		fail("vfork");
	if (child > 0)
		return child;
	dup2(output, STDOUT_FILENO);
	execvp(command[0], command);
	_exit(127);
}

// How much of `text` is matched after one more byte, when `matched` bytes of it were before.
static size_t advance(const char *text, size_t matched, char byte)
{
	char seen[256];
	memcpy(seen, text, matched);
	seen[matched] = byte;
	for (size_t count = matched + 1; count > 0; count--)
		if (memcmp(text, seen + matched + 1 - count, count) == 0)
			return count;
	return 0;
}

int main(int argc, char **argv)
{
	int echo = argc > 1 && strcmp(argv[1], "-e") == 0;
	if (argc < 3 + echo || strlen(argv[1 + echo]) - 1 > 254) {
		fprintf(stderr, "usage: marker [-e] TEXT COMMAND [ARG...]\n");
		return 125;
	}
	const char *text = argv[1 + echo];
	size_t length = strlen(text), matched = 0;
	char buffer[4096];
	int channel[2], null = open("/dev/null", O_RDONLY);
	if (pipe2(channel, O_CLOEXEC) < 0 || null < 0)
		fail("pipe");
	dup2(null, STDIN_FILENO);

	int64_t begin = now(), marker = -1;
	pid_t child = start(argv + 2 + echo, channel[1]);
	close(channel[1]);
	for (;;) {
		int64_t rest = begin + timeLimit - now();
		struct pollfd poller = { .fd = channel[0], .events = POLLIN };
		if (rest <= 0 || poll(&poller, 1, rest / 1000000 + 1) == 0) {
			kill(child, SIGKILL);
			break;
		}
		ssize_t count = read(channel[0], buffer, sizeof buffer);
		int64_t time = now();
		if (count <= 0)
			break;
		for (ssize_t i = 0; i < count && matched < length; i++) {
			matched = advance(text, matched, buffer[i]);
			if (matched == length)
				marker = time - begin;
		}
		if (echo && write(STDERR_FILENO, buffer, count) < 0)
			fail("stderr");
	}

	int status;
	if (waitpid(child, &status, 0) < 0)
		fail("waitpid");
	int64_t end = now() - begin;
	printf("%lld %lld %d\n", (long long)marker, (long long)end,
		WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	return 0;
}
