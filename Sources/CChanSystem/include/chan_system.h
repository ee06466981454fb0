// SPDX-License-Identifier: Apache-2.0
#ifndef CHAN_SYSTEM_H
#define CHAN_SYSTEM_H
#endif
