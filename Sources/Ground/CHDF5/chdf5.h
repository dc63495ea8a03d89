// The door to HDF5. Only what Swift cannot import by itself.
#ifndef CHDF5_H
#define CHDF5_H
#include <hdf5.h>
#include <errno.h>

// H5T_*, H5P_*, H5F_ACC_* and friends expand to expressions with a call or a comma; Swift cannot
// import those. Stored types are the little-endian ones: files are the same on every machine.
static inline hid_t chdf5_stored_uint8(void) { return H5T_STD_U8LE; }
static inline hid_t chdf5_stored_int32(void) { return H5T_STD_I32LE; }
static inline hid_t chdf5_stored_uint32(void) { return H5T_STD_U32LE; }
static inline hid_t chdf5_stored_int64(void) { return H5T_STD_I64LE; }
static inline hid_t chdf5_stored_uint64(void) { return H5T_STD_U64LE; }
static inline hid_t chdf5_stored_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t chdf5_stored_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t chdf5_int64(void) { return H5T_NATIVE_INT64; }
static inline hid_t chdf5_float64(void) { return H5T_NATIVE_DOUBLE; }
static inline hid_t chdf5_c_string(void) { return H5T_C_S1; }
static inline hid_t chdf5_dataset_create(void) { return H5P_DATASET_CREATE; }
static inline hid_t chdf5_group_create(void) { return H5P_GROUP_CREATE; }
static inline hid_t chdf5_file_create(void) { return H5P_FILE_CREATE; }
static inline hid_t chdf5_file_access(void) { return H5P_FILE_ACCESS; }
static inline unsigned chdf5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned chdf5_truncate(void) { return H5F_ACC_TRUNC; }

// Casts inside a macro: not importable either.
static inline hid_t chdf5_default(void) { return H5P_DEFAULT; }
static inline hid_t chdf5_error_stack(void) { return H5E_DEFAULT; }
static inline haddr_t chdf5_undefined_address(void) { return HADDR_UNDEF; }

// H5Oget_info and H5Literate are macros over versioned names, and the names differ between 1.10,
// 1.12 and 1.14; these two compile with all of them.
static inline int64_t chdf5_attribute_count(hid_t object) {
#if H5_VERSION_GE(1, 12, 0)
  H5O_info2_t info;
  return H5Oget_info3(object, &info, H5O_INFO_NUM_ATTRS) < 0 ? -1 : (int64_t)info.num_attrs;
#else
  H5O_info_t info;
  return H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS) < 0 ? -1 : (int64_t)info.num_attrs;
#endif
}

// 1: a hard link; 0: a soft, external or user-defined one; negative: no such link.
static inline int chdf5_link_is_hard(hid_t group, const char *name) {
#if H5_VERSION_GE(1, 12, 0)
  H5L_info2_t info;
  if (H5Lget_info2(group, name, &info, H5P_DEFAULT) < 0) return -1;
#else
  H5L_info_t info;
  if (H5Lget_info(group, name, &info, H5P_DEFAULT) < 0) return -1;
#endif
  return info.type == H5L_TYPE_HARD;
}

// Files are never changed in place, so locks would only break read-only and network folders.
// The call came with 1.10.7; before, the environment variable HDF5_USE_FILE_LOCKING rules.
static inline herr_t chdf5_no_file_lock(hid_t access) {
#if H5_VERSION_GE(1, 10, 7)
  return H5Pset_file_locking(access, 0, 1);
#else
  (void)access;
  return 0;
#endif
}

// Reserves space behind a file's end without growing it (FALLOC_FL_KEEP_SIZE = 1). fallocate is
// declared only under _GNU_SOURCE, which Swift's importer does not define.
#ifdef __linux__
extern int fallocate(int descriptor, int mode, off_t offset, off_t count);
static inline int chdf5_reserve(int descriptor, int64_t count) {
  return fallocate(descriptor, 1, 0, (off_t)count);
}
#else
static inline int chdf5_reserve(int descriptor, int64_t count) {
  (void)descriptor, (void)count;
  errno = ENOTSUP;
  return -1;
}
#endif

#endif
