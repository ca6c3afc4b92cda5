// A file system against a model of it in memory:
//
//     model DIRECTORY SEED OPERATIONS
//
// does random operations on a few files of DIRECTORY, which has to be empty: reads, writes, mappings, truncations, holes,
// copies, renames, links, removals, attributes. All that it reads and every size, list of names and number of links has
// to be what the model says. The files that are left stay there. The exit status is 1 with the operation and its number
// where the two differ; the same seed does the same again.

#define _GNU_SOURCE 1
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	nameCount = 8,
	mostBytes = 512 << 10, // of a file
	mostMoved = 96 << 10,  // by one operation
	mostAttribute = 64,
};

struct file {
	int names;
	int descriptor;
	size_t size;
	mode_t mode;
	size_t attributeSize; // 0 for none
	unsigned char attribute[mostAttribute];
	unsigned char contents[mostBytes]; // zeros past `size`
};

static struct file *files[nameCount];
// One that has no name any more, and is still open.
static struct file *orphan;
static bool isMoved; // whether the names are in `second` rather than in `first`

static uint64_t state;
static uint64_t seed;
static uint64_t step;
static const char *operation = "start";
static unsigned char buffer[mostMoved];

_Noreturn static void differ(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fprintf(stderr, "model: operation %" PRIu64 " of seed %" PRIu64 ", %s: ", step, seed, operation);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	exit(1);
}

// For what has to succeed.
static void need(bool isSo, const char *call)
{
	if (!isSo)
		differ("%s: %s", call, strerror(errno));
}

// A number below `bound`, by SplitMix64.
static size_t below(size_t bound)
{
	uint64_t word = state += UINT64_C(0x9E3779B97F4A7C15);
	word = (word ^ (word >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	word = (word ^ (word >> 27)) * UINT64_C(0x94D049BB133111EB);
	return (word ^ (word >> 31)) % bound;
}

static size_t least(size_t one, size_t other)
{
	return one < other ? one : other;
}

static const char *path(int name)
{
	static char paths[2][32];
	static int turn;
	turn ^= 1;
	snprintf(paths[turn], sizeof paths[turn], "%s/file%d", isMoved ? "second" : "first", name);
	return paths[turn];
}

static int openFile(int name)
{
	int descriptor = open(path(name), O_RDWR | O_CLOEXEC);
	need(descriptor >= 0, "open");
	return descriptor;
}

// Forgets one name of a file; an open file without a name becomes the orphan.
static void drop(int name)
{
	struct file *file = files[name];
	files[name] = NULL;
	if (!file || --file->names > 0)
		return;
	if (orphan) {
		close(orphan->descriptor);
		free(orphan);
	}
	orphan = file;
}

// A file to work on, or NULL; mostly one with a name.
static struct file *anyFile(void)
{
	if (orphan && below(8) == 0)
		return orphan;
	return files[below(nameCount)];
}

static void randomBytes(size_t count)
{
	uint64_t word = below(SIZE_MAX);
	for (size_t index = 0; index < count; index++) {
		word = word * UINT64_C(6364136223846793005) + 1;
		buffer[index] = word >> 56;
	}
}

// A size that is as often as not at the edge of a page or a block.
static size_t size(size_t most)
{
	size_t any = below(most + 1);
	return below(2) ? any : any & ~(size_t)4095;
}

// -- operations

static void create(void)
{
	int name = below(nameCount);
	int descriptor = open(path(name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (files[name]) {
		if (descriptor >= 0 || errno != EEXIST)
			differ("a file that is there was made");
		return;
	}
	need(descriptor >= 0, "open");
	files[name] = calloc(1, sizeof *files[name]);
	need(files[name], "calloc");
	*files[name] = (struct file){.names = 1, .descriptor = descriptor, .mode = 0644};
}

static void writeAt(struct file *file, size_t offset, size_t count)
{
	randomBytes(count);
	need(pwrite(file->descriptor, buffer, count, offset) == (ssize_t)count, "pwrite");
	memcpy(file->contents + offset, buffer, count);
	if (count && offset + count > file->size)
		file->size = offset + count;
}

static void writeAnywhere(struct file *file)
{
	size_t offset = size(mostBytes - 1);
	writeAt(file, offset, size(least(mostMoved, mostBytes - offset)));
}

static void append(struct file *file)
{
	size_t count = size(least(mostMoved / 4, mostBytes - file->size));
	need(fcntl(file->descriptor, F_SETFL, O_APPEND) == 0, "fcntl");
	randomBytes(count);
	need(write(file->descriptor, buffer, count) == (ssize_t)count, "write");
	need(fcntl(file->descriptor, F_SETFL, 0) == 0, "fcntl");
	memcpy(file->contents + file->size, buffer, count);
	file->size += count;
}

static void compare(struct file *file, const unsigned char *found, size_t offset, size_t count)
{
	for (size_t index = 0; index < count; index++) {
		if (found[index] != file->contents[offset + index])
			differ("byte %zu of %zu is %d and not %d", offset + index, file->size, found[index],
			       file->contents[offset + index]);
	}
}

static void readAnywhere(struct file *file)
{
	size_t offset = size(mostBytes - 1);
	// Without the guest's cache the bytes come from the server.
	if (below(2))
		posix_fadvise(file->descriptor, 0, 0, POSIX_FADV_DONTNEED);
	size_t expected = offset < file->size ? least(mostMoved, file->size - offset) : 0;
	ssize_t count = pread(file->descriptor, buffer, mostMoved, offset);
	need(count >= 0, "pread");
	if ((size_t)count != expected)
		differ("read %zd bytes and not %zu at %zu of %zu", count, expected, offset, file->size);
	compare(file, buffer, offset, count);
}

static void map(struct file *file)
{
	if (file->size == 0)
		return;
	bool isWritten = below(2);
	unsigned char *bytes =
		mmap(NULL, file->size, PROT_READ | (isWritten ? PROT_WRITE : 0), MAP_SHARED, file->descriptor, 0);
	need(bytes != MAP_FAILED, "mmap");
	size_t offset = below(file->size);
	size_t count = least(mostMoved, file->size - offset);
	compare(file, bytes + offset, offset, count);
	if (isWritten) {
		randomBytes(count);
		memcpy(bytes + offset, buffer, count);
		memcpy(file->contents + offset, buffer, count);
		need(below(2) || msync(bytes, file->size, MS_SYNC) == 0, "msync");
	}
	need(munmap(bytes, file->size) == 0, "munmap");
}

static void resize(struct file *file)
{
	size_t end = below(4) ? size(mostBytes) : 0;
	need(ftruncate(file->descriptor, end) == 0, "ftruncate");
	if (end < file->size)
		memset(file->contents + end, 0, file->size - end);
	file->size = end;
}

static void allocate(struct file *file)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE};
	int mode = modes[below(4)];
	size_t offset = size(mostBytes - 1);
	size_t count = 1 + below(mostBytes - offset);
	if (fallocate(file->descriptor, mode, offset, count)) {
		need(errno == EOPNOTSUPP, "fallocate");
		return;
	}
	if (!(mode & FALLOC_FL_KEEP_SIZE) && offset + count > file->size)
		file->size = offset + count;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		memset(file->contents + offset, 0, count);
}

static void copy(struct file *from)
{
	struct file *to = anyFile();
	if (!to || to == from || from->size == 0)
		return;
	loff_t source = below(from->size), target = size(mostBytes - 1);
	size_t count = least(from->size - source, mostBytes - target);
	loff_t begin = source, place = target;
	while (count > 0) {
		ssize_t moved = copy_file_range(from->descriptor, &source, to->descriptor, &target, count, 0);
		need(moved > 0, "copy_file_range");
		count -= moved;
	}
	memcpy(to->contents + place, from->contents + begin, target - place);
	if ((size_t)target > to->size)
		to->size = target;
}

static void reopen(void)
{
	int name = below(nameCount);
	if (!files[name])
		return;
	close(files[name]->descriptor);
	files[name]->descriptor = openFile(name);
}

static void empty(void)
{
	int name = below(nameCount);
	if (!files[name])
		return;
	int descriptor = open(path(name), O_WRONLY | O_TRUNC | O_CLOEXEC);
	need(descriptor >= 0, "open");
	close(descriptor);
	memset(files[name]->contents, 0, files[name]->size);
	files[name]->size = 0;
}

static void renameOne(void)
{
	int from = below(nameCount), to = below(nameCount);
	int result = rename(path(from), path(to));
	if (!files[from]) {
		if (result == 0 || errno != ENOENT)
			differ("a file that is not there was renamed");
		return;
	}
	need(result == 0, "rename");
	if (files[from] == files[to])
		return; // two names of one file stay, as rename(2) has it
	struct file *file = files[from];
	drop(to);
	files[to] = file;
	files[from] = NULL;
}

static void exchange(void)
{
	int one = below(nameCount), other = below(nameCount);
	int result = syscall(SYS_renameat2, AT_FDCWD, path(one), AT_FDCWD, path(other), RENAME_EXCHANGE);
	if (!files[one] || !files[other]) {
		if (result == 0 || errno != ENOENT)
			differ("a file that is not there was exchanged");
		return;
	}
	need(result == 0, "renameat2");
	struct file *file = files[one];
	files[one] = files[other];
	files[other] = file;
}

static void linkOne(void)
{
	int from = below(nameCount), to = below(nameCount);
	int result = link(path(from), path(to));
	if (!files[from] || files[to]) {
		if (result == 0 || (errno != ENOENT && errno != EEXIST))
			differ("a link was made that cannot be");
		return;
	}
	need(result == 0, "link");
	files[to] = files[from];
	files[to]->names++;
}

static void removeOne(void)
{
	int name = below(nameCount);
	int result = unlink(path(name));
	if (!files[name]) {
		if (result == 0 || errno != ENOENT)
			differ("a file that is not there was removed");
		return;
	}
	need(result == 0, "unlink");
	drop(name);
}

// The open files go with the directory that they are in.
static void renameDirectory(void)
{
	need(rename(isMoved ? "second" : "first", isMoved ? "first" : "second") == 0, "rename");
	isMoved = !isMoved;
}

static void setAttributes(struct file *file)
{
	static const mode_t modes[] = {0644, 0600, 0755, 0400};
	file->mode = modes[below(4)];
	need(fchmod(file->descriptor, file->mode) == 0, "fchmod");
	size_t count = below(mostAttribute + 1);
	randomBytes(count);
	if (count) {
		need(fsetxattr(file->descriptor, "user.model", buffer, count, 0) == 0, "fsetxattr");
		memcpy(file->attribute, buffer, count);
	} else if (file->attributeSize) {
		need(fremovexattr(file->descriptor, "user.model") == 0, "fremovexattr");
	}
	file->attributeSize = count;
}

static void checkAttributes(struct file *file)
{
	struct stat status;
	need(fstat(file->descriptor, &status) == 0, "fstat");
	if ((size_t)status.st_size != file->size || (status.st_mode & 07777) != file->mode)
		differ("%zd bytes of mode %o, and not %zu of mode %o", (ssize_t)status.st_size, status.st_mode & 07777,
		       file->size, file->mode);
	// A look at an open file without a name may tell of the links that the guest remembers.
	if (file != orphan && (int)status.st_nlink != file->names)
		differ("%d links and not %d", (int)status.st_nlink, file->names);
	ssize_t count = fgetxattr(file->descriptor, "user.model", buffer, mostAttribute);
	need(count >= 0 || errno == ENODATA, "fgetxattr");
	if ((size_t)(count < 0 ? 0 : count) != file->attributeSize || memcmp(buffer, file->attribute, file->attributeSize))
		differ("another extended attribute, of %zd bytes and not %zu", count, file->attributeSize);
}

static void list(void)
{
	bool isThere[nameCount] = {0};
	DIR *directory = opendir(isMoved ? "second" : "first");
	need(directory, "opendir");
	for (struct dirent *entry; (entry = readdir(directory));) {
		int name = -1;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (sscanf(entry->d_name, "file%d", &name) != 1 || name < 0 || name >= nameCount || isThere[name])
			differ("'%s' is in the list", entry->d_name);
		isThere[name] = true;
	}
	closedir(directory);
	for (int name = 0; name < nameCount; name++) {
		if (isThere[name] != (files[name] != NULL))
			differ("file%d is %sin the list", name, isThere[name] ? "" : "not ");
	}
}

static void synchronise(struct file *file)
{
	need((below(2) ? fsync : fdatasync)(file->descriptor) == 0, "fsync");
}

static const struct {
	const char *name;
	int weight;
	void (*onFile)(struct file *file);
	void (*onNames)(void);
} operations[] = {
	{"create", 10, NULL, create},
	{"write", 14, writeAnywhere, NULL},
	{"append", 6, append, NULL},
	{"read", 14, readAnywhere, NULL},
	{"map", 8, map, NULL},
	{"resize", 6, resize, NULL},
	{"allocate", 6, allocate, NULL},
	{"copy", 5, copy, NULL},
	{"synchronise", 3, synchronise, NULL},
	{"set attributes", 3, setAttributes, NULL},
	{"check attributes", 8, checkAttributes, NULL},
	{"reopen", 5, NULL, reopen},
	{"empty", 2, NULL, empty},
	{"rename", 6, NULL, renameOne},
	{"exchange", 3, NULL, exchange},
	{"link", 4, NULL, linkOne},
	{"remove", 4, NULL, removeOne},
	{"rename the directory", 2, NULL, renameDirectory},
	{"list", 4, NULL, list},
};
enum { operationCount = sizeof operations / sizeof *operations };

static void doOne(size_t allWeights)
{
	size_t choice = below(allWeights);
	int index = 0;
	while (choice >= (size_t)operations[index].weight)
		choice -= operations[index++].weight;
	operation = operations[index].name;
	if (operations[index].onNames) {
		operations[index].onNames();
		return;
	}
	struct file *file = anyFile();
	if (file)
		operations[index].onFile(file);
}

int main(int count, char **arguments)
{
	uint64_t steps = 0;
	if (count != 4 || sscanf(arguments[2], "%" SCNu64, &seed) != 1 || sscanf(arguments[3], "%" SCNu64, &steps) != 1) {
		fprintf(stderr, "use: model DIRECTORY SEED OPERATIONS\n");
		return 1;
	}
	umask(022);
	need(chdir(arguments[1]) == 0 && mkdir("first", 0755) == 0, arguments[1]);
	state = seed;
	size_t allWeights = 0;
	for (int index = 0; index < operationCount; index++)
		allWeights += operations[index].weight;
	for (step = 1; step <= steps; step++)
		doOne(allWeights);
	operation = "the end";
	list();
	for (int name = 0; name < nameCount; name++) {
		if (!files[name])
			continue;
		checkAttributes(files[name]);
		for (size_t offset = 0; offset < files[name]->size; offset += mostMoved) {
			size_t part = least(mostMoved, files[name]->size - offset);
			need(pread(files[name]->descriptor, buffer, part, offset) == (ssize_t)part, "pread");
			compare(files[name], buffer, offset, part);
		}
	}
	printf("model: %" PRIu64 " operations of seed %" PRIu64 "\n", steps, seed);
}
