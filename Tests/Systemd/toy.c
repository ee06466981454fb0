// SPDX-License-Identifier: Apache-2.0
// A service that says READY at once and waits for its end: what its start takes is systemd's work.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(void) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un manager = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof manager.sun_path) return 1;
    strcpy(manager.sun_path, path);
    socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
    if (path[0] == '@') manager.sun_path[0] = 0;
    int notifications = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sendto(notifications, "READY=1", 7, 0, (struct sockaddr *)&manager, length) != 7) return 1;
    for (;;) pause();
}
