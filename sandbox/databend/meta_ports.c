/* Keeps the embedded engine's catalog across restarts.
 *
 * The engine of the PyPI package opens six meta stores when it starts. Each asks the system for a free port, and keeps
 * its files in a folder named after that port: so the next start never finds them again, and every table is gone
 * (observed with databend 1.2.895; the order of its calls was, too). Preloaded, this answers the n-th question for a
 * free port with the n-th number of SANDBOX_META_PORTS, so that the folders can be given the right names beforehand.
 *
 * Two ports are asked for per store: first the one that names the folder, then one for its own API, which is left to
 * the system.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int questions;

/* The n-th number of a comma-separated list, or 0. */
static int nth(const char *list, int n) {
    for (; n > 0 && list; n--) {
        list = strchr(list, ',');
        if (list) list++;
    }
    return list ? atoi(list) : 0;
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    static int (*real)(int, const struct sockaddr *, socklen_t);
    if (!real) real = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "bind");

    const char *ports = getenv("SANDBOX_META_PORTS");
    if (ports && address && address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in wanted;
        memcpy(&wanted, address, sizeof wanted);
        if (wanted.sin_port == 0) {
            int question = questions++;
            int port = question % 2 == 0 ? nth(ports, question / 2) : 0;
            if (port > 0) {
                wanted.sin_port = htons((unsigned short)port);
                return real(fd, (const struct sockaddr *)&wanted, sizeof wanted);
            }
        }
    }
    return real(fd, address, length);
}
