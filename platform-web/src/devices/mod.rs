//! Files of mounts, and connections that `fetch` carries.

use kernel_core::platform::{DeviceError, DeviceReply, DeviceRequest, Devices};

/// The devices of a tab.
#[derive(Clone, Debug, Default)]
pub struct WebDevices;

impl Devices for WebDevices {
    async fn perform(&self, _request: DeviceRequest) -> Result<DeviceReply, DeviceError> {
        Err(DeviceError::Unsupported("devices are not built into this version".to_owned()))
    }
}
