// The door to libjpeg-turbo's TurboJPEG API (2.1: no tj3* calls).
#ifndef CTURBOJPEG_H
#define CTURBOJPEG_H
#include <turbojpeg.h>
#endif
