// Somebody at a terminal: runs a program on a pseudo-terminal of its own, and does there what stdin says.
//
//     terminal TRANSCRIPT COMMAND [ARG...]
//
// The terminal has 30 rows and 100 columns and begins with the kernel's settings. The command leads its session. All that
// comes on the screen goes into the file TRANSCRIPT. Each line of stdin is one of
//
//     await TEXT     until the screen has TEXT, after what was awaited before
//     type TEXT      the keys, for which \r, \n, \\ and \xNN stand as in C
//     size R C       another size
//     raw            until every key goes to the program untouched
//     restored       until the settings are those of the beginning
//     run COMMAND    elsewhere, by a shell, to whose environment the command's process id is added as PID
//     hang-up        takes the terminal away
//     status N       until the command has ended, with this status or by the signal N - 128
//
// What does not come to pass within a minute ends it all, with a word about it, the transcript's end on stderr, and the
// status 1.

#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	patience = 60000, // milliseconds
	screenSize = 1 << 20,
};

static char screen[screenSize];
static size_t screenLength;
static size_t awaited; // of the screen, up to the end of the last text that was awaited
static int primary;
static int secondary; // held, so that the settings outlive the command
static int transcript;
static pid_t process;
static bool isOver; // the command, and its status is known
static struct termios usual;

static long long milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void check(bool isTrue, const char *what)
{
	if (isTrue)
		return;
	fprintf(stderr, "terminal: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void takeOutput(int timeout)
{
	struct pollfd watched = {.fd = primary, .events = POLLIN};
	if (poll(&watched, 1, timeout) < 1)
		return;
	ssize_t count = read(primary, screen + screenLength, screenSize - screenLength);
	check(count > 0, "reading the screen");
	check(write(transcript, screen + screenLength, count) == count, "writing the transcript");
	screenLength += count;
}

static bool isShown(const char *text)
{
	char *place = memmem(screen + awaited, screenLength - awaited, text, strlen(text));
	if (place)
		awaited = place + strlen(text) - screen;
	return place;
}

static bool isRaw(void)
{
	struct termios settings;
	tcgetattr(secondary, &settings);
	return !(settings.c_lflag & (ICANON | ECHO | ISIG)) && !(settings.c_oflag & OPOST);
}

static bool isRestored(void)
{
	struct termios settings;
	tcgetattr(secondary, &settings);
	return settings.c_iflag == usual.c_iflag && settings.c_oflag == usual.c_oflag && settings.c_cflag == usual.c_cflag
		&& settings.c_lflag == usual.c_lflag && !memcmp(settings.c_cc, usual.c_cc, sizeof usual.c_cc);
}

static bool hasEnded(int *status)
{
	int how;
	if (waitpid(process, &how, WNOHANG) != process)
		return false;
	isOver = true;
	*status = WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
	return true;
}

// What `\` stands for is put in place.
static size_t decode(char *text)
{
	char *end = text;
	for (char *next = text; *next; next++) {
		char character = *next;
		if (character == '\\' && next[1]) {
			next++;
			character = *next == 'r' ? '\r' : *next == 'n' ? '\n' : *next;
			if (*next == 'x' && next[1] && next[2]) {
				char digits[] = {next[1], next[2], 0};
				character = (char)strtol(digits, NULL, 16);
				next += 2;
			}
		}
		*end++ = character;
	}
	*end = 0;
	return end - text;
}

static bool isSo(const char *word, const char *rest)
{
	if (!strcmp(word, "await"))
		return isShown(rest);
	if (!strcmp(word, "raw"))
		return isRaw();
	if (!strcmp(word, "restored"))
		return isRestored();
	int status;
	if (!hasEnded(&status))
		return false;
	if (status == atoi(rest))
		return true;
	fprintf(stderr, "terminal: the status is %d\n", status);
	return false;
}

static bool comesToPass(const char *word, const char *rest)
{
	for (long long deadline = milliseconds() + patience; milliseconds() < deadline;) {
		if (primary >= 0)
			takeOutput(20);
		else
			usleep(20000);
		if (isSo(word, rest))
			return true;
		if (isOver)
			return false;
	}
	return false;
}

static void perform(const char *word, char *rest)
{
	if (!strcmp(word, "type")) {
		ssize_t count = decode(rest);
		check(write(primary, rest, count) == count, "typing");
	} else if (!strcmp(word, "size")) {
		struct winsize size = {0};
		sscanf(rest, "%hu %hu", &size.ws_row, &size.ws_col);
		check(ioctl(primary, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");
	} else if (!strcmp(word, "run")) {
		check(system(rest) == 0, rest);
	} else if (!strcmp(word, "hang-up")) {
		close(secondary);
		close(primary);
		primary = secondary = -1;
	} else if (!comesToPass(word, rest)) {
		fprintf(stderr, "terminal: in vain: %s %s\n", word, rest);
		size_t shown = screenLength < 1000 ? screenLength : 1000;
		fwrite(screen + screenLength - shown, 1, shown, stderr);
		if (!isOver)
			kill(process, SIGKILL);
		exit(1);
	}
}

int main(int count, char **words)
{
	if (count < 3) {
		fprintf(stderr, "usage: terminal TRANSCRIPT COMMAND [ARG...]\n");
		return 1;
	}
	transcript = open(words[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	check(transcript >= 0, words[1]);
	primary = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	check(primary >= 0 && unlockpt(primary) == 0, "posix_openpt");
	secondary = open(ptsname(primary), O_RDWR | O_NOCTTY | O_CLOEXEC);
	check(secondary >= 0 && tcgetattr(secondary, &usual) == 0, "the terminal");
	struct winsize size = {.ws_row = 30, .ws_col = 100};
	ioctl(primary, TIOCSWINSZ, &size);

	process = fork();
	if (process == 0) {
		setsid();
		// Who runs this in the background ignores some.
		for (int number = 1; number < NSIG; number++)
			signal(number, SIG_DFL);
		ioctl(secondary, TIOCSCTTY, 0);
		for (int number = 0; number < 3; number++)
			dup2(secondary, number);
		execvp(words[2], words + 2);
		_exit(127);
	}
	char number[16];
	snprintf(number, sizeof number, "%d", process);
	setenv("PID", number, 1);
	signal(SIGHUP, SIG_IGN);

	static char line[4096];
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		char *rest = line + strcspn(line, " ");
		if (*rest)
			*rest++ = 0;
		if (*line)
			perform(line, rest);
	}
	return 0;
}
