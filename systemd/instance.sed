# SPDX-License-Identifier: Apache-2.0
# Makes the templates chand@.service, chand@.socket and chand-admin@.socket out of chand's own units, so that
# they can't differ in anything else. A second daemon, here "two", has its sockets in /run/chand/two and its
# configuration in /etc/chand/two:
#
#   mkdir /etc/chand/two && cp /etc/chand/chand.toml /etc/chand/two/
#   systemctl enable --now chand@two.socket chand-admin@two.socket
#   CHAND_SOCKET=/run/chand/two/chand.sock chanctl ping
#
# Whom its socket admits is changed with "systemctl edit chand@two.socket": SocketGroup=.
1a\
# An instance of its own for each name: sockets in /run/chand/NAME, configuration in /etc/chand/NAME/chand.toml,\
# which has to be there. systemctl enable --now chand@NAME.socket chand-admin@NAME.socket
/^[^#]/ {
    /^Description=.* socket$/a\
# which the daemon would only miss at its first client\
AssertPathExists=/etc/chand/%i/chand.toml
    s/chand\.socket/chand@%i.socket/g
    s/chand-admin\.socket/chand-admin@%i.socket/g
    s/chand\.service/chand@%i.service/g
    s|/run/chand/|/run/chand/%i/|g
    s|^Description=.*|& %i|
    s|^ExecStart=.*|& --config /etc/chand/%i/chand.toml|
}
