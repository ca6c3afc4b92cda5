// Streams of bytes through sockets, with every byte checked:
//
//     streams serve ADDRESS                        sends back what comes, connection by connection, for ever
//     streams check ADDRESS ROUNDS PARALLEL BYTES  opens PARALLEL connections at a time to a server, sends BYTES over
//                                                  each, expects them back, closes all; ROUNDS times
//
// ADDRESS is tcp:HOST:PORT with an IPv4 HOST, vsock:CID:PORT, unix:PATH, or unix:PATH:PORT for a monitor's Unix socket,
// which is asked by "CONNECT PORT" for a connection to the guest. Each side shuts its direction down when it has sent
// all. `check` prints "streams: N connections, B bytes each way in T ms"; the exit status is 1 when a byte is wrong,
// missing or late by half a minute.

#define _GNU_SOURCE 1
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum {
	mostConnections = 4000,
	bufferSize = 32 << 10,
	stallLimit = 30000, // milliseconds
};

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in tcp;
		struct sockaddr_vm vsock;
		struct sockaddr_un local;
	};
	socklen_t length;
	uint32_t port; // to ask a monitor for, or 0
};

struct connection {
	bool isShut; // all that this side has to send is sent
	uint64_t sent;
	uint64_t received;
	size_t start; // of what a server has to send back, in its buffer
	size_t end;
	unsigned char *buffer;
};

static struct connection connections[mostConnections];
static struct pollfd watched[mostConnections + 1];

_Noreturn static void fail(const char *what)
{
	fprintf(stderr, "streams: %s: %s\n", what, strerror(errno));
	exit(1);
}

_Noreturn static void failUse(const char *what)
{
	errno = EINVAL;
	fail(what);
}

static int64_t milliseconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

static uint64_t number(const char *text, uint64_t least, uint64_t most)
{
	char *end;
	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	if (errno || end == text || *end || value < least || value > most)
		failUse(text);
	return value;
}

static struct address parse(const char *text, bool toServe)
{
	struct address address = {0};
	char *copy = strdup(text);
	char *colon = strchr(copy, ':');
	if (!colon)
		failUse(text);
	*colon = 0;
	char *name = colon + 1;
	char *port = strchr(name, ':');
	if (port)
		*port++ = 0;
	if (!strcmp(copy, "tcp") && port) {
		address.tcp.sin_family = AF_INET;
		address.tcp.sin_port = htons(number(port, 1, UINT16_MAX));
		if (inet_pton(AF_INET, name, &address.tcp.sin_addr) != 1)
			failUse(name);
		address.length = sizeof address.tcp;
	} else if (!strcmp(copy, "vsock") && port) {
		address.vsock.svm_family = AF_VSOCK;
		address.vsock.svm_cid = toServe ? VMADDR_CID_ANY : number(name, 0, UINT32_MAX);
		address.vsock.svm_port = number(port, 1, UINT32_MAX);
		address.length = sizeof address.vsock;
	} else if (!strcmp(copy, "unix") && strlen(name) < sizeof address.local.sun_path) {
		address.local.sun_family = AF_UNIX;
		strcpy(address.local.sun_path, name);
		address.length = sizeof address.local;
		address.port = port ? number(port, 1, UINT32_MAX) : 0;
	} else {
		failUse(text);
	}
	free(copy);
	return address;
}

static int newSocket(const struct address *address)
{
	int descriptor = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (descriptor < 0)
		fail("socket");
	return descriptor;
}

static void setNonblocking(int descriptor)
{
	if (fcntl(descriptor, F_SETFL, O_NONBLOCK))
		fail("fcntl");
}

// Whether `count` says that a socket has taken or given bytes now; not when it could not yet.
static bool didMove(ssize_t count, const char *what)
{
	if (count < 0 && errno != EAGAIN)
		fail(what);
	return count >= 0;
}

// -- the server

// Returns whether the connection goes on.
static bool echo(struct connection *connection, struct pollfd *watch)
{
	if (connection->start == connection->end) {
		ssize_t count = recv(watch->fd, connection->buffer, bufferSize, 0);
		if (count == 0 || (count < 0 && errno != EAGAIN))
			return false;
		connection->start = 0;
		connection->end = count > 0 ? count : 0;
	}
	while (connection->start < connection->end) {
		ssize_t count =
			send(watch->fd, connection->buffer + connection->start, connection->end - connection->start, 0);
		if (count < 0 && errno != EAGAIN)
			return false;
		if (count <= 0)
			break;
		connection->start += count;
	}
	watch->events = connection->start < connection->end ? POLLOUT : POLLIN;
	return true;
}

_Noreturn static void serve(struct address address)
{
	int listener = newSocket(&address);
	int one = 1;
	if (address.any.sa_family == AF_UNIX)
		unlink(address.local.sun_path);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, &address.any, address.length) || listen(listener, mostConnections))
		fail("bind and listen");
	setNonblocking(listener);
	int count = 0;
	for (;;) {
		watched[count] = (struct pollfd){.fd = count < mostConnections ? listener : -1, .events = POLLIN};
		if (poll(watched, count + 1, -1) < 0)
			fail("poll");
		bool isAsked = watched[count].revents;
		for (int index = count - 1; index >= 0; index--) {
			struct connection *connection = &connections[index];
			if (!watched[index].revents || echo(connection, &watched[index]))
				continue;
			close(watched[index].fd);
			// The last takes its place, and its buffer goes to the next that comes.
			unsigned char *buffer = connection->buffer;
			count--;
			*connection = connections[count];
			connections[count].buffer = buffer;
			watched[index] = watched[count];
		}
		if (!isAsked)
			continue;
		int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (descriptor < 0)
			continue;
		struct connection *connection = &connections[count];
		connection->start = connection->end = 0;
		if (!connection->buffer && !(connection->buffer = malloc(bufferSize)))
			fail("malloc");
		watched[count++] = (struct pollfd){.fd = descriptor, .events = POLLIN};
	}
}

// -- the checker

// What a connection carries from `position` on: different for each connection, and nowhere the same.
static void fill(unsigned char *bytes, size_t count, uint64_t seed, uint64_t position)
{
	for (size_t index = 0; index < count;) {
		// SplitMix64 of the word's number.
		uint64_t word = (seed << 40) + (position + index) / 8;
		word *= UINT64_C(0x9E3779B97F4A7C15);
		word = (word ^ (word >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
		word = (word ^ (word >> 27)) * UINT64_C(0x94D049BB133111EB);
		word ^= word >> 31;
		for (size_t byte = (position + index) % 8; byte < 8 && index < count; byte++, index++)
			bytes[index] = word >> (8 * byte);
	}
}

static int openConnection(const struct address *address)
{
	int descriptor = newSocket(address);
	if (connect(descriptor, &address->any, address->length))
		fail("connect");
	if (address->port) {
		dprintf(descriptor, "CONNECT %" PRIu32 "\n", address->port);
		char answer[64];
		size_t length = 0;
		while (length == 0 || answer[length - 1] != '\n') {
			if (length == sizeof answer || recv(descriptor, answer + length, 1, 0) != 1)
				fail("CONNECT was not answered");
			length++;
		}
		if (strncmp(answer, "OK ", 3))
			fail("CONNECT was refused");
	}
	setNonblocking(descriptor);
	return descriptor;
}

// Returns whether the connection goes on.
static bool exchange(struct connection *connection, struct pollfd *watch, uint64_t seed, uint64_t bytes)
{
	static unsigned char ours[bufferSize], theirs[bufferSize];
	while (connection->sent < bytes) {
		size_t count = bytes - connection->sent < bufferSize ? bytes - connection->sent : bufferSize;
		fill(ours, count, seed, connection->sent);
		ssize_t sent = send(watch->fd, ours, count, 0);
		if (!didMove(sent, "send"))
			break;
		connection->sent += sent;
	}
	if (connection->sent == bytes && !connection->isShut) {
		if (shutdown(watch->fd, SHUT_WR))
			fail("shutdown");
		connection->isShut = true;
		watch->events = POLLIN;
	}
	ssize_t count = recv(watch->fd, theirs, bufferSize, 0);
	if (!didMove(count, "recv"))
		return true;
	fill(ours, count, seed, connection->received);
	if (memcmp(ours, theirs, count)) {
		errno = EBADMSG;
		fail("what came back is not what was sent");
	}
	connection->received += count;
	if (count > 0)
		return true;
	if (connection->received != bytes) {
		errno = ENODATA;
		fail("the end came early");
	}
	return false;
}

static void check(struct address address, uint64_t rounds, int parallel, uint64_t bytes)
{
	int64_t begin = milliseconds();
	for (uint64_t round = 0; round < rounds; round++) {
		for (int index = 0; index < parallel; index++) {
			connections[index] = (struct connection){0};
			watched[index] = (struct pollfd){.fd = openConnection(&address), .events = POLLIN | POLLOUT};
		}
		for (int open = parallel; open > 0;) {
			int ready = poll(watched, parallel, stallLimit);
			if (ready == 0)
				errno = ETIMEDOUT;
			if (ready <= 0)
				fail("poll");
			for (int index = 0; index < parallel; index++) {
				if (!watched[index].revents ||
				    exchange(&connections[index], &watched[index], round * parallel + index, bytes))
					continue;
				close(watched[index].fd);
				watched[index] = (struct pollfd){.fd = -1};
				open--;
			}
		}
	}
	printf("streams: %" PRIu64 " connections, %" PRIu64 " bytes each way in %" PRId64 " ms\n", rounds * parallel,
	       rounds * parallel * bytes, milliseconds() - begin);
}

int main(int count, char **arguments)
{
	struct rlimit files = {mostConnections + 64, mostConnections + 64};
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	if (count == 3 && !strcmp(arguments[1], "serve"))
		serve(parse(arguments[2], true));
	if (count != 6 || strcmp(arguments[1], "check"))
		failUse("use: streams serve ADDRESS | streams check ADDRESS ROUNDS PARALLEL BYTES");
	check(parse(arguments[2], false), number(arguments[3], 1, UINT32_MAX),
	      number(arguments[4], 1, mostConnections), number(arguments[5], 0, INT64_MAX >> 12));
}
