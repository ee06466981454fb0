// SPDX-License-Identifier: Apache-2.0
#ifndef CHAN_TOML_H
#define CHAN_TOML_H
#endif
