#ifndef SCRL_H
#define SCRL_H
#endif
